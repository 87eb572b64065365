// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <utility>

#include <mvm/base/error.hpp>
#include <mvm/base/text.hpp>

namespace mvm {

/// Either a value or the reason why there is none. Inside MVM nothing throws across a function's
/// border; exceptions of libraries stop in the file that wraps the library.
template <typename T>
using Result = std::expected<T, Error>;

/// `return fail(ErrorCode::kNotFound, "group ", id, " is not known");`
template <typename... Pieces>
[[nodiscard]] std::unexpected<Error> fail(ErrorCode code, const Pieces&... pieces) {
  return std::unexpected(Error{code, text(pieces...)});
}

/// Passes an error on: `if (!plan) return fail(plan.error());`
[[nodiscard]] inline std::unexpected<Error> fail(Error error) {
  return std::unexpected(std::move(error));
}

/// `return fail_system("open ", path);` reads `errno`.
template <typename... Pieces>
[[nodiscard]] std::unexpected<Error> fail_system(const Pieces&... pieces) {
  return std::unexpected(system_error(text(pieces...)));
}

}  // namespace mvm
