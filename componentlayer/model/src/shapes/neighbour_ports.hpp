// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include <mvm/model/shape.hpp>

namespace mvm::model {

/// A pair of neighbours; in a simple graph no pair comes twice and none joins a vertex to itself.
using Pair = std::pair<std::uint32_t, std::uint32_t>;

/// The two-way shape of a simple graph whose ports only tell neighbours apart: at each vertex n0,
/// n1, … in the order of the neighbours' numbers.
[[nodiscard]] Shape number_neighbours(std::uint32_t count, std::vector<Pair> pairs);

}  // namespace mvm::model
