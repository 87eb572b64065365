// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "reading.hpp"

namespace mvm::model {

/// Reads the `<source>` elements of `element`, globs expanded and each file once, and its
/// `<build>`, of which there is at most one.
void read_sources_and_build(const XmlElement& element, Reading& reading,
                            std::vector<std::filesystem::path>& sources, BuildOptions& build);

}  // namespace mvm::model
