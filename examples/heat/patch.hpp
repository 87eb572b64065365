// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mvm/job.hpp>

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

/// A rectangle of the plate: where it lies and its temperatures, row by row. A patch tells its own
/// place, so that the collector need not know who sent it.
struct Patch {
  struct Place {
    int left, top, width, height;
  };
  Place place{};
  std::vector<double> values;
};

/// How a patch travels: its place, then its values.
template <>
struct mvm::Codec<Patch> {
  static std::string encode(const Patch& patch) {
    const std::size_t size = patch.values.size() * sizeof(double);
    std::string bytes(sizeof patch.place + size, '\0');
    std::memcpy(bytes.data(), &patch.place, sizeof patch.place);
    std::memcpy(bytes.data() + sizeof patch.place, patch.values.data(), size);
    return bytes;
  }

  static Patch decode(std::string_view bytes) {
    Patch patch;
    if (bytes.size() < sizeof patch.place) throw mvm::error("too short for a patch");
    std::memcpy(&patch.place, bytes.data(), sizeof patch.place);
    bytes.remove_prefix(sizeof patch.place);

    const auto& [left, top, width, height] = patch.place;
    const auto area = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
    if (bytes.size() != area * sizeof(double)) throw mvm::error("a patch of another size");
    patch.values.resize(area);
    std::memcpy(patch.values.data(), bytes.data(), bytes.size());
    return patch;
  }
};
