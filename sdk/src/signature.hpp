// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <mvm/queuelayer/portable.hpp>

/// Signatures of composites, as docs/types.md shows them: "m(s,v(f8))" is a map of string to list
/// of double. What comes in a message was written by another task and may be anything.
namespace mvm::signature {

/// A signature and the values behind it; nothing when the message has no signature.
struct Split {
  std::string_view signature;
  std::string_view values;
};
[[nodiscard]] std::optional<Split> split(std::string_view message);

/// The number type at the beginning of a signature, which is `length` letters; nothing when
/// there is another type.
struct NumberType {
  queue::ElementType type;
  std::size_t length = 0;
};
[[nodiscard]] std::optional<NumberType> number_at(std::string_view signature);

/// True when the two are the same but for numbers that can be converted. Such a signature can be
/// walked along without looking for its end.
[[nodiscard]] bool is_convertible(std::string_view from, std::string_view to);

/// In words: "map of string to list of double".
[[nodiscard]] std::string words(std::string_view signature);

}  // namespace mvm::signature
