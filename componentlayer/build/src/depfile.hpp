// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mvm::build {

/// The prerequisites of the first rule of a Makefile fragment, as compilers (-MD) and linkers
/// (--dependency-file) write them: "a.o: a.cpp \<newline> b\ c.hpp". The rules behind the first
/// one, for phony targets, are left out. Names come back as the compiler meant them, unescaped.
[[nodiscard]] std::vector<std::string> parse_depfile(std::string_view content);

}  // namespace mvm::build
