// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "document_library.hpp"
#include "job_names.hpp"
#include "reading.hpp"

namespace mvm::model {

/// Reads `<queues>` into the profile's queue rules. Whether a rule matches any queue, and whether
/// rules contradict each other, is checked by `make_plan`.
void read_queues(const XmlElement& element, Reading& reading, const JobNames& jobs,
                 Profile& profile);

/// Reads a `<cluster>`, through its `ref=` if it has one, into the profile's machines.
void read_cluster(const XmlElement& element, Reading& reading, DocumentLibrary& library,
                  Profile& profile);

/// Reads `<policy>`.
void read_policy(const XmlElement& element, Reading& reading, PolicyModel& policy);

inline constexpr std::uint32_t kMaxCpus = 4096;
/// Rules that name single tasks are compared with each port of their tasks.
inline constexpr std::size_t kMaxQueueRules = 10'000;

}  // namespace mvm::model
