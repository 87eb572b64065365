// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mvm::model {

/// Where and why a text is not a document that MVM reads.
struct XmlRefusal {
  int line = 0;
  std::string message;
};

/// Looks over a text before any XML library sees it, in one pass and without memory, and refuses
/// what could cost more than it is worth: DOCTYPE (and with it every entity), encodings other than
/// UTF-8, deep nesting, and numbers of elements or attributes that no profile has. It accepts some
/// texts that are not well-formed; the XML library finds those.
[[nodiscard]] std::optional<XmlRefusal> scan_xml(std::string_view xml);

/// More attributes than any element of a profile has. XML libraries compare each with each.
inline constexpr std::uint32_t kMaxAttributes = 64;
/// What one attribute may hold; patterns of the schema are matched against it.
inline constexpr std::size_t kMaxValueLength = 65'536;
/// Enough for kMaxJobs jobs with a source and two arguments or files each. Reading so many takes
/// most of the 100 ms in which a profile should be refused.
inline constexpr std::uint32_t kMaxElements = 40'000;
inline constexpr std::uint32_t kMaxAttributesInAll = 100'000;

}  // namespace mvm::model
