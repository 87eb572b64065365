// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "document_library.hpp"
#include "job_names.hpp"
#include "profile_draft.hpp"
#include "reading.hpp"

namespace mvm::model {

/// Reads a `<topology>`, through its `ref=` if it has one, into the graphs and links of the draft.
/// A statement that cannot be read leaves a gap. What only the expanded graph shows (whether a
/// count fits a shape, which ports there are) is checked by `expand_topology`.
void read_topology(const XmlElement& element, Reading& reading, DocumentLibrary& library,
                   const JobNames& jobs, ProfileDraft& draft);

}  // namespace mvm::model
