// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "document_library.hpp"
#include "reading.hpp"

namespace mvm::model {

/// Reads a `<cluster>`, through its `ref=` if it has one, into the profile's machines.
void read_cluster(const XmlElement& element, Reading& reading, DocumentLibrary& library,
                  Profile& profile);

/// Reads `<policy>`.
void read_policy(const XmlElement& element, Reading& reading, PolicyModel& policy);

inline constexpr std::uint32_t kMaxCpus = 4096;
inline constexpr Duration kMaxReconnect = std::chrono::hours(24);

}  // namespace mvm::model
