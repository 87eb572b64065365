// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mvm/job.hpp>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "fourier.hpp"

/// A part of one of many spectra: which one, where the part begins, and its values.
struct Part {
  struct Place {
    std::uint64_t transform, first_frequency;
  };
  Place place{};
  Block values;
};

/// How a part travels: its place, then its values.
template <>
struct mvm::Codec<Part> {
  static std::string encode(const Part& part) {
    const std::size_t size = part.values.size() * sizeof(Complex);
    std::string bytes(sizeof part.place + size, '\0');
    std::memcpy(bytes.data(), &part.place, sizeof part.place);
    std::memcpy(bytes.data() + sizeof part.place, part.values.data(), size);
    return bytes;
  }

  static Part decode(std::string_view bytes) {
    Part part;
    if (bytes.size() < sizeof part.place) throw mvm::error("too short for a part of a spectrum");
    std::memcpy(&part.place, bytes.data(), sizeof part.place);
    bytes.remove_prefix(sizeof part.place);

    if (bytes.size() % sizeof(Complex) != 0) throw mvm::error("a part of a spectrum is cut off");
    part.values.resize(bytes.size() / sizeof(Complex));
    std::memcpy(static_cast<void*>(part.values.data()), bytes.data(), bytes.size());
    return part;
  }
};
