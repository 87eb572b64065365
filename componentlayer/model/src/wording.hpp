// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mvm::model {

/// "a, b, c"; of a long list the beginning.
[[nodiscard]] std::string list_of(const std::vector<std::string>& words);

/// ", did you mean 'b'? (allowed: a, b, c)", the question only when one of them is near.
[[nodiscard]] std::string meant_or_allowed(std::string_view word,
                                           const std::vector<std::string>& allowed);

/// At most the first forty characters of what a user wrote, on one line, for a message.
[[nodiscard]] std::string excerpt(std::string_view words);

}  // namespace mvm::model
