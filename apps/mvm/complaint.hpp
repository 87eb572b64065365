// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string_view>

#include <mvm/base/diagnostic.hpp>
#include <mvm/base/error.hpp>

namespace mvm::cli {

/// Writes to stderr, with a line end where there is none.
void complain(std::string_view words);

/// "mvm VERB: message"
void complain(std::string_view verb, const Error& error);

/// One line each: "file:line: message".
void complain(const Diagnostics& diagnostics);

}  // namespace mvm::cli
