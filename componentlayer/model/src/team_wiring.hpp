// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

#include <mvm/base/diagnostic.hpp>
#include <mvm/model/plan.hpp>

namespace mvm::model {

/// Adds the teams to plan.wiring, whose tasks are there: everyone, then one for each job, with the
/// roots that the profile names, else member 0.
///
/// The machines of a team exchange what its members share over hidden ports. In ascending order of
/// machines they form a binary tree (the parent of position p is (p-1)/2), and the leader of a
/// machine, its lowest member, has for each edge of the tree one channel each way: "@cell.up"
/// towards the parent's leader, "@cell.down0" and "@cell.down1" towards the children's. Channel ids
/// go on from `next_id`.
void wire_teams(const Profile& profile, std::uint64_t next_id, Plan& plan);

/// Complains when the lists of members, which every machine holds, would take too much memory.
[[nodiscard]] Diagnostics check_team_size(const Profile& profile, std::size_t tasks,
                                          std::size_t machines);

/// Tasks times machines of a group: some 300 MB for the plans of all machines.
inline constexpr std::uint64_t kMaxTeamEntries = 1u << 24;

/// Of the queues between leaders.
inline constexpr std::uint32_t kTeamCapacity = 4;
inline constexpr Bytes kTeamBytes = 1_MiB;

}  // namespace mvm::model
