// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include <mvm/base/unique_fd.hpp>

/// How the queue VM hands a connected direct line to the task that is to use it: as a descriptor,
/// over a pair of sockets whose other end the task inherited.
namespace mvm::queue {

/// The number of that descriptor in every task that has one; MVM_LINES tells it.
inline constexpr int kLinesDescriptor = 4;
/// Lines of one task: each has memory at both ends, and is looked at in every wait.
inline constexpr std::uint32_t kMostLinesOfTask = 64;
/// Lines of one machine: the queue VM has a descriptor for each.
inline constexpr std::uint32_t kMostLinesOfMachine = 512;

struct LinesPair {
  UniqueFd queue_vm;
  UniqueFd task;
};
/// Nothing where the system has no more descriptors.
[[nodiscard]] std::optional<LinesPair> make_lines_pair();

/// What a line carries for a task: positions of channels in the arena.
struct LineChannels {
  std::optional<std::uint32_t> out;  ///< that leads away
  std::optional<std::uint32_t> in;   ///< that leads here
};
struct HandedLine {
  LineChannels channels;
  UniqueFd socket;
};
/// False when the task cannot be given any more.
[[nodiscard]] bool hand_line(int pair, const LineChannels& channels, int socket);
/// The next line that was handed over; nothing when there is none.
[[nodiscard]] std::optional<HandedLine> take_line(int pair);

}  // namespace mvm::queue
