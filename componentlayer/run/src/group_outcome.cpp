// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/run/group_outcome.hpp>

#include <numeric>

#include <array>

namespace mvm::run {
namespace {

constexpr std::array<std::string_view, 11> kStateWords = {
    "PENDING",   "BUILDING", "STARTING",  "RUNNING", "SUSPENDED", "LINGERING",
    "COMPLETED", "FAILED",   "CANCELLED", "TIMEOUT", "LOST"};

constexpr std::array<std::string_view, 7> kEndWords = {
    "not-started", "succeeded", "failed", "signalled", "follower", "stopped", "lost-with-worker"};

}  // namespace

std::string_view to_string(GroupState state) {
  return kStateWords[static_cast<std::size_t>(state)];
}

std::optional<GroupState> parse_group_state(std::string_view word) {
  for (std::size_t i = 0; i < kStateWords.size(); ++i) {
    if (kStateWords[i] == word) return static_cast<GroupState>(i);
  }
  return {};
}

std::string_view to_string(TaskEnd end) {
  return kEndWords[static_cast<std::size_t>(end)];
}

std::uint64_t ChannelFigures::dropped() const {
  return std::accumulate(drops.begin(), drops.end(), std::uint64_t{0});
}

std::string_view to_string(queue::DropCause cause) {
  switch (cause) {
    case queue::DropCause::kOverflow:
      return "overflow";
    case queue::DropCause::kLost:
      return "lost";
    case queue::DropCause::kExpired:
      return "expired";
    case queue::DropCause::kLate:
      return "late";
    case queue::DropCause::kSuperseded:
      return "superseded";
  }
  return "overflow";
}

}  // namespace mvm::run
