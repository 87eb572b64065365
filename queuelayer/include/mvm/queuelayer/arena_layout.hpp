// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

/// What lies in an arena, as plain structs: no pointers, no behaviour. docs/arena-layout.md shows
/// the picture and argues why each ordering is enough. All positions are byte offsets from the
/// start of the arena. Every line that one side writes is written by that side alone.
namespace mvm::queue {

inline constexpr std::uint64_t kArenaMagic = 0x31'61'6e'65'72'61'6d'76;  // "vmarena1"
inline constexpr std::uint32_t kLayoutVersion = 1;
inline constexpr std::size_t kLine = 64;  ///< a cache line; x86-64 and most others

using Offset = std::uint64_t;

/// A string in the arena. Not terminated.
struct TextRef {
  Offset at = 0;
  std::uint32_t length = 0;
  std::uint32_t unused = 0;
};

/// A list in the arena.
struct ListRef {
  Offset at = 0;
  std::uint32_t count = 0;
  std::uint32_t unused = 0;
};

/// One message, or one fragment of a message, on its way. Exactly one cache line, so that a small
/// message crosses between two cores in one transfer.
struct alignas(kLine) Slot {
  /// Says whose the slot is; written last by whoever gives it away. See `stamp_*` below.
  std::atomic<std::uint64_t> stamp;
  std::uint32_t length;  ///< payload bytes in this slot or behind it
  std::uint32_t kind;    ///< element type of the SDK in the low 30 bits, flags above
  union {
    std::byte inline_bytes[48];
    struct {
      Offset at;                     ///< of the payload, in the channel's data area or a heap
      std::uint64_t message_length;  ///< of the whole message; the same in all its fragments
    } out_of_line;
  };
};
static_assert(sizeof(Slot) == kLine);

inline constexpr std::uint32_t kInlineBytes = 48;
inline constexpr std::uint32_t kMoreFollows = 1u << 31;  ///< the message goes on in the next slot
inline constexpr std::uint32_t kOutOfLine = 1u << 30;
inline constexpr std::uint32_t kTypeMask = kOutOfLine - 1;

/// Stamps. A slot that carries the n-th fragment of its channel (n from 0) has the stamp
///     n << 24 | 1              published, free to take
///     n << 24 | 2 + receiver   taken by that endpoint (only queues with many receivers)
///     n << 24 | 0              given back (only queues with many receivers)
/// so a stamp of an earlier lap never looks like one of this lap. 2^40 fragments are enough for
/// hours at the fastest rate measured, and an equality that wraps is 2^40 fragments away.
inline constexpr std::uint64_t kStampShift = 24;
inline constexpr std::uint32_t kMaxEndpoints = (1u << kStampShift) - 2;
inline constexpr std::uint64_t stamp_published(std::uint64_t n) {
  return n << kStampShift | 1;
}
inline constexpr std::uint64_t stamp_taken(std::uint64_t n, std::uint32_t endpoint) {
  return n << kStampShift | (2 + std::uint64_t{endpoint});
}
inline constexpr std::uint64_t stamp_given_back(std::uint64_t n) {
  return n << kStampShift;
}

/// A virtual queue bound to memory.
struct alignas(kLine) ChannelRecord {
  // Constant once the arena is shared.
  std::uint64_t id;
  std::uint32_t slot_count;     ///< a power of two, larger than `capacity`
  std::uint32_t capacity;       ///< messages
  std::uint64_t byte_capacity;  ///< payload
  Offset slots;
  Offset data;                   ///< the data area: payloads too long for a slot
  std::uint64_t data_size;       ///< a multiple of kLine
  std::uint32_t sender;          ///< endpoint
  std::uint32_t many_receivers;  ///< 1: receivers compete for messages
  ListRef receivers;             ///< of std::uint32_t: endpoints
  TextRef sender_words;          ///< "cell[0].x+", for messages to people
  TextRef receiver_words;

  // Written by the sender: statistics, read by the queue VM.
  alignas(kLine) std::atomic<std::uint64_t> enqueued;  ///< messages
  std::atomic<std::uint64_t> bytes;                    ///< payload of them

  // Written rarely, read by the receiver often.
  alignas(kLine) std::atomic<std::uint32_t> sender_closed;  ///< nothing more will come
  std::atomic<std::uint32_t> sender_waiting;                ///< ring the sender when room appears

  // Written by the receiver, read by the sender when it believes the queue full.
  alignas(kLine) std::atomic<std::uint64_t> released;  ///< fragments given back (one receiver)
  std::atomic<std::uint64_t> dequeued;                 ///< messages
  std::atomic<std::uint64_t> relayed;                  ///< messages released on other machines

  // Written rarely, read by the sender often.
  alignas(kLine) std::atomic<std::uint32_t> receiver_closed;  ///< nobody will take anything more
};

/// What a send does at one sending statement; mirrors SendGroup of the wiring plan.
struct SendGroupRecord {
  std::uint32_t spread;
  std::uint32_t unused;
  ListRef channels;  ///< of std::uint32_t: channel numbers
};

struct PortRecord {
  TextRef name;
  ListRef sends;     ///< of SendGroupRecord
  ListRef receives;  ///< of std::uint32_t: channel numbers
};

enum class EndpointState : std::uint32_t { kStarting = 0, kAttached = 1, kEnded = 2 };

/// A task, or the queue VM's own link to other machines: whatever sends and receives.
struct alignas(kLine) EndpointRecord {
  // Constant once the arena is shared.
  TextRef name;  ///< "cell[3]"
  TextRef directory;
  std::uint32_t index;
  std::uint32_t count;
  ListRef coordinates;  ///< of std::uint32_t
  ListRef ports;        ///< of PortRecord
  Offset heap;          ///< large messages and loans of this sender
  std::uint64_t heap_size;
  std::uint32_t shares_core;  ///< 1: do not spin while waiting

  // The doorbell: who waits sleeps on `bell`; who has something for it looks at `sleepers`.
  alignas(kLine) std::atomic<std::uint32_t> bell;  ///< a futex
  std::atomic<std::uint32_t> sleepers;             ///< threads asleep or about to be

  // Life.
  alignas(kLine) std::atomic<std::uint32_t> state;  ///< EndpointState
  std::atomic<std::uint32_t> follower;              ///< 1: an uncaught mvm::closed ended it
  std::atomic<std::uint32_t> port_epoch;  ///< grows when the queue VM changes the port table
};

/// A clock that the queue VM can stop, so that no time limit fires while a group is frozen.
struct GroupClock {
  std::atomic<std::int64_t> offset_ns;  ///< group time = CLOCK_MONOTONIC - offset
  std::atomic<std::uint32_t> stopped;
};

/// At offset 0.
struct alignas(kLine) ArenaHeader {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t layout;  ///< kLayoutHash of whoever made the arena
  std::uint64_t size;    ///< of the whole arena
  TextRef group;
  ListRef endpoints;  ///< of EndpointRecord
  ListRef channels;   ///< of ChannelRecord
  GroupClock clock;
  alignas(kLine) std::atomic<std::uint32_t> gate;  ///< a futex: 0 closed, 1 open, 2 never opens
};

/// Differs when any struct above changed its size: a task built against another libmvm is refused.
inline constexpr std::uint32_t kLayoutHash =
    (((std::size_t{kLayoutVersion} * 31u + sizeof(Slot)) * 31u + sizeof(ChannelRecord)) * 31u +
     sizeof(EndpointRecord)) *
        31u +
    sizeof(PortRecord) * 7u + sizeof(ArenaHeader);

}  // namespace mvm::queue
