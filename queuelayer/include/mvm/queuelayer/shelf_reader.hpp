// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/arena_layout.hpp>
#include <mvm/queuelayer/ring_reader.hpp>

namespace mvm::queue {

/// A message taken from a shelf, seen where it lies. Valid until it is given back.
struct ShelfMessage {
  const std::byte* data = nullptr;
  std::uint64_t length = 0;
  std::uint64_t number = 0;
  std::uint32_t slot = 0;  ///< for `give_back`
  std::uint32_t type = 0;
  std::uint32_t priority = 0;
  bool late = false;  ///< its deadline had passed when it was taken
  std::int64_t rank = 0;
  std::int64_t due_ns = 0;
  std::int64_t expires_ns = kNever;
  std::int64_t deadline_ns = kNever;
};

/// The receiving end of a channel of kind kShelf. One thread at a time; each of several competing
/// receivers has one of its own. It keeps a private index of the messages announced, by rank.
class ShelfReader {
 public:
  /// `self` is the receiving endpoint. `relay`: it takes for receivers on other machines, so it
  /// takes messages that are not due yet, never judges times, and counts into `relayed`.
  /// `arena` must outlive it.
  ShelfReader(const Arena& arena, std::uint32_t channel, std::uint32_t self, bool relay = false);
  ~ShelfReader();
  ShelfReader(const ShelfReader&) = delete;
  ShelfReader& operator=(const ShelfReader&) = delete;

  /// True when a message can be taken now. A competitor may be quicker. Drops, and counts, what has
  /// expired, is late (where the policy says so), or is superseded.
  [[nodiscard]] bool available();
  /// Group time at which `available` may become true by itself, because a message becomes due; or
  /// kNever. Valid after `available` said false.
  [[nodiscard]] std::int64_t available_at() const;
  /// Precondition: available(). How urgent the next message is, comparable between the channels of
  /// one port: the lower goes first. 0 for types that know no urgency.
  [[nodiscard]] std::int64_t urgency() const;
  /// Precondition: available(). The rank of the message that `take` would take.
  [[nodiscard]] std::int64_t rank() const;
  /// True when everything was taken and nothing more will come.
  [[nodiscard]] bool ended();

  /// Takes the next message.
  [[nodiscard]] Taken take(ShelfMessage& message);
  /// Gives a taken message's memory back to the sender and counts it received; in any order.
  void give_back(std::uint32_t slot, std::uint64_t number);

  /// For the link: gives back a message that was dropped, not received, at the other machine.
  void give_back_uncounted(std::uint32_t slot, std::uint64_t number);
  /// For the link: numbers of taken messages that the sender no longer wants, because they made
  /// room, were superseded or expired; each once. They stay taken until they are given back. Looks
  /// at nothing but one counter unless there are new ones.
  [[nodiscard]] std::vector<std::uint64_t> take_unwanted();

  /// Nobody will take anything more, said by the only receiver; of several, the queue VM says it.
  void close();

  [[nodiscard]] const ChannelRecord& channel() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mvm::queue
