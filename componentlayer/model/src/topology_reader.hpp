// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "document_library.hpp"
#include "job_names.hpp"
#include "reading.hpp"

namespace mvm::model {

/// Reads a `<topology>`, through its `ref=` if it has one, into the profile's graphs and links.
/// What only the expanded graph shows (whether a count fits a shape, which ports there are) is
/// checked by `expand_topology`.
void read_topology(const XmlElement& element, Reading& reading, DocumentLibrary& library,
                   const JobNames& jobs, Profile& profile);

/// Sides of a mesh or torus.
inline constexpr std::size_t kMaxDimensions = 16;

}  // namespace mvm::model
