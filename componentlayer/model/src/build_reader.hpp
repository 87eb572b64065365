// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "reading.hpp"

namespace mvm::model {

/// Reads a `<build>`. What becomes a word of a compiler's command line is checked here: a profile
/// chooses among compilers and options, it does not write command lines.
void read_build(const XmlElement& element, Reading& reading, BuildOptions& build);

}  // namespace mvm::model
