// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace mvm {

/// A fresh job group id: the profile's name and eight random hex digits, "heat-3f9c02ab".
/// Characters other than letters, digits, '-' and '_' of the name become '-'.
[[nodiscard]] std::string make_group_id(std::string_view profile_name);

/// True for what `make_group_id` can return; everything that goes into a path is checked by it.
[[nodiscard]] bool is_group_id(std::string_view text);

/// Fills `bytes` from the kernel's random source. Aborts when the kernel has none.
void random_bytes(std::span<std::uint8_t> bytes);

}  // namespace mvm
