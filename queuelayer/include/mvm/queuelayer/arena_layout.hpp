// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

/// What lies in an arena, as plain structs: no pointers, no behaviour. docs/arena-layout.md shows
/// the picture and argues why each ordering is enough. All positions are byte offsets from the
/// start of the arena. Every line that one side writes is written by that side alone.
namespace mvm::queue {

inline constexpr std::uint64_t kArenaMagic = 0x31'61'6e'65'72'61'6d'76;  // "vmarena1"
inline constexpr std::uint32_t kLayoutVersion = 5;
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

inline constexpr std::uint32_t kMoreFollows = 1u << 31;  ///< the message goes on in the next record
inline constexpr std::uint32_t kOutOfLine = 1u << 30;    ///< shelf: the payload is not in the slot
inline constexpr std::uint32_t kTypeMask = kOutOfLine - 1;

/// Stamps. A slot of a shelf that carries the n-th message of its channel has the stamp
///     n << 24 | 0              given back
///     n << 24 | 1              published, free to take
///     n << 24 | 2 + receiver   taken by that endpoint
///     n << 24 | 0xfffffe       dropped: nobody received it
///     n << 24 | 0xffffff       taken by the link, and unwanted by the sender since
/// so a stamp of an earlier use never looks like one of this use. 2^40 messages are enough for
/// hours at the fastest rate measured, and an equality that wraps is 2^40 messages away.
/// Messages count from 1, so that memory that was never written, "message 0, given back", is not
/// the stamp of any of them.
inline constexpr std::uint64_t kStampShift = 24;
inline constexpr std::uint64_t kStampStates = (std::uint64_t{1} << kStampShift) - 1;
inline constexpr std::uint32_t kMaxEndpoints = (1u << kStampShift) - 4;
inline constexpr std::uint64_t stamp_published(std::uint64_t n) {
  return n << kStampShift | 1;
}
inline constexpr std::uint64_t stamp_taken(std::uint64_t n, std::uint32_t endpoint) {
  return n << kStampShift | (2 + std::uint64_t{endpoint});
}
inline constexpr std::uint64_t stamp_dropped(std::uint64_t n) {
  return n << kStampShift | (kStampStates - 1);
}
inline constexpr std::uint64_t stamp_unwanted(std::uint64_t n) {
  return n << kStampShift | kStampStates;
}
inline constexpr std::uint64_t stamp_given_back(std::uint64_t n) {
  return n << kStampShift;
}
/// True for the stamps of messages that nobody waits for any more.
inline constexpr bool stamp_is_done(std::uint64_t stamp) {
  const auto state = stamp & kStampStates;
  return state == 0 || state == kStampStates - 1;
}

/// Group time that never comes.
inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

/// One message on a shelf: where receivers pick, and the sender may take down again. Everything
/// but the bytes is atomic, because a receiver looks at messages that it may not get: what it read
/// holds if the stamp is the same afterwards. The bytes belong to whoever's stamp it is.
struct alignas(2 * kLine) ShelfSlot {
  std::atomic<std::uint64_t> stamp;
  std::atomic<std::int64_t> rank;         ///< of the messages that are due, the lowest goes first
  std::atomic<std::int64_t> due_ns;       ///< group time from which it may be received
  std::atomic<std::int64_t> expires_ns;   ///< group time from which it may not; or kNever
  std::atomic<std::int64_t> deadline_ns;  ///< group time until which it is wanted; or kNever
  std::atomic<std::uint64_t> length;      ///< payload bytes
  std::atomic<std::uint32_t> kind;        ///< as in Slot, without kMoreFollows
  std::atomic<std::uint32_t> priority;
  std::atomic<Offset> at;  ///< of the payload where kOutOfLine
  std::byte inline_bytes[kLine];
};
static_assert(sizeof(ShelfSlot) == 2 * kLine);

/// Why a message was dropped.
enum class DropCause : std::uint32_t {
  kOverflow = 0,    ///< the queue was full
  kLost = 1,        ///< by the emulated link
  kExpired = 2,     ///< its time to live was over
  kLate = 3,        ///< its deadline had passed
  kSuperseded = 4,  ///< a newer one came (latest)
};
inline constexpr std::uint32_t kDropCauses = 5;

enum class ChannelKind : std::uint32_t {
  kRing = 0,   ///< one receiver, first in first out, nothing is dropped once it is in
  kShelf = 1,  ///< anything else
};

/// The direct line of a channel between machines: a connection of its own, over which the two tasks
/// move its messages themselves. It opens before any message is sent, and once it is over, the link
/// of the queue VMs carries the channel for ever.
enum class LineState : std::uint32_t {
  kNone = 0,  ///< the link carries the channel
  kOpen = 1,  ///< the task at this end does
  kOver = 2,  ///< the task has let go of its end, or has ended
};

/// A virtual queue bound to memory.
struct alignas(kLine) ChannelRecord {
  // Constant once the arena is shared.
  std::uint64_t id;
  ChannelKind kind;
  std::uint32_t slot_count;     ///< shelf: a power of two, larger than `capacity`
  std::uint32_t capacity;       ///< messages
  std::uint32_t sender;         ///< endpoint
  std::uint64_t byte_capacity;  ///< payload
  Offset slots;                 ///< shelf: ShelfSlot[slot_count]
  Offset tape;                  ///< ring: where messages lie one behind the other, see tape.hpp
  std::uint64_t tape_size;      ///< a power of two
  ListRef receivers;            ///< of std::uint32_t: endpoints
  TextRef sender_words;         ///< "cell[0].x+", for messages to people
  TextRef receiver_words;
  ListRef codecs;    ///< of CodecRecord; encoded in this order
  Offset announced;  ///< shelf: atomic u64[slot_count]; entry n % slot_count: n << 24 | slot
  Offset returned;   ///< shelf: atomic u64[2 * slot_count]; entry i: i + 1 << 24 | slot given back
  std::uint32_t type;      ///< QueueType
  std::uint32_t overflow;  ///< Overflow
  std::uint32_t levels;
  std::uint32_t drop_late;
  std::int64_t time_to_live_ns;  ///< 0: for ever
  std::int64_t interval_ns;      ///< between two messages
  std::int64_t latency_ns;
  std::int64_t jitter_ns;
  std::uint64_t bits_per_second;  ///< 0: unlimited
  std::uint64_t seed;
  std::uint32_t loss_ppb;
  std::uint32_t crosses_machines;  ///< 1: the link is at one end
  TextRef plugin;                  ///< of QueueType::kCustom: path of the shared object

  // Written by the sender. Statistics are read by the queue VM.
  alignas(kLine) std::atomic<std::uint64_t> enqueued;    ///< messages
  std::atomic<std::uint64_t> bytes;                      ///< payload of them
  std::atomic<std::uint64_t> high_water;                 ///< messages; see docs/arena-layout.md
  std::atomic<std::int64_t> sender_blocked_ns;           ///< in waits that are over
  std::atomic<std::uint64_t> sender_drops[kDropCauses];  ///< by DropCause
  std::atomic<std::uint64_t> unwanted;  ///< shelf: messages that were ever stamped `unwanted`

  // Written rarely, read by the receiver often.
  alignas(kLine) std::atomic<std::uint32_t> sender_closed;  ///< nothing more will come
  std::atomic<std::uint32_t> sender_waiting;                ///< ring the sender when room appears

  // Written by the receiver, read by the sender when it believes the queue full.
  alignas(kLine)
      std::atomic<std::uint64_t> released;  ///< ring: up to this position; shelf: entries returned
  std::atomic<std::uint64_t> dequeued;      ///< messages
  std::atomic<std::uint64_t> relayed;       ///< messages released on other machines
  std::atomic<std::int64_t> receiver_blocked_ns;           ///< in waits that are over
  std::atomic<std::uint64_t> receiver_drops[kDropCauses];  ///< by DropCause
  std::atomic<std::uint64_t> late;  ///< shelf: messages taken after their deadline

  // Written rarely, read by the sender often.
  alignas(kLine) std::atomic<std::uint32_t> receiver_closed;  ///< nobody will take anything more
  std::atomic<std::uint32_t> recount;  ///< shelf: a receiver died; look at every slot once
  std::atomic<LineState> line;         ///< of this machine's end

  // Written by the receiver while it has a direct line: whole messages that came over it.
  alignas(kLine) std::atomic<std::uint64_t> line_received;
  std::atomic<std::uint64_t> line_released;  ///< given back, and all before them
};

/// A stage of a channel's encoder and decoder.
struct CodecRecord {
  std::uint32_t kind;  ///< CodecKind
  std::int32_t level;
  TextRef plugin;  ///< of CodecKind::kCustom: path of the shared object
};

/// What a send does at one sending statement; mirrors SendGroup of the wiring plan.
struct SendGroupRecord {
  std::uint32_t spread;
  std::uint32_t unused;
  ListRef channels;  ///< of std::uint32_t: channel numbers
};

/// What a thread in an exchange with the neighbours still has to do at a port, as a WaitRecord
/// would tell it for that alone. Written and read under `writing` of the WaitRecord to which it
/// belongs.
struct PendingRecord {
  std::atomic<std::uint64_t> wait;  ///< WaitRecord::number; of an earlier wait: nothing is pending
  std::atomic<std::uint64_t> size;
  std::atomic<std::uint64_t> seen;
  std::atomic<std::uint32_t> channel;
  std::uint32_t unused;
};

struct PortRecord {
  TextRef name;
  ListRef sends;     ///< of SendGroupRecord
  ListRef receives;  ///< of std::uint32_t: channel numbers
  PendingRecord pending_receive;
  PendingRecord pending_send;
};

enum class EndpointState : std::uint32_t { kStarting = 0, kAttached = 1, kEnded = 2 };

/// EndpointRecord::ringers_fence of a fiber: all ringers but those in its worker's own thread.
inline constexpr std::uint32_t kUnlessInItsThread = 2;

/// What a thread inside the SDK waits for.
enum class WaitKind : std::uint32_t {
  kReceive = 0,     ///< a message at port `subject`
  kReceiveAny = 1,  ///< a message at any port
  kSend = 2,        ///< room behind port `subject`
  kCollective = 3,  ///< the other members of team `subject`
  kMember = 4,      ///< member `channel` of team `subject`, and nobody else
  kExchange = 5,    ///< any of what is pending at the endpoint's ports
};

/// One wait of one thread, for those who look why a group does not move. Written only when the
/// wait becomes a long one; free where `thread` is 0. See wait_board.hpp.
struct WaitRecord {
  std::atomic<std::uint32_t> thread;   ///< kernel's id of the waiting thread
  std::atomic<std::uint32_t> writing;  ///< odd while the fields below are being written
  std::atomic<WaitKind> kind;
  std::atomic<std::uint32_t> subject;  ///< position in the endpoint's `ports` or `teams`
  std::atomic<std::uint32_t> channel;  ///< kSend: without room; collective: member slept for
  std::atomic<std::uint32_t> limited;  ///< 1: it ends by itself some time
  std::atomic<std::uint64_t> size;     ///< see WaitSubject; kExchange: how many PendingRecords
  std::atomic<std::uint64_t> seen;     ///< what the thread knew of what it waits for: WaitSubject
  std::atomic<std::int64_t> since_ns;  ///< group time
  std::atomic<std::uint64_t> number;   ///< of this endpoint's waits; a new one for each wait
};
inline constexpr std::uint32_t kWaitRecords = 8;  ///< more waiting threads than that are not seen

/// A task's membership in a team; its place at the board. See board_layout.hpp.
struct MembershipRecord {
  std::uint32_t team;  ///< position in ArenaHeader::teams
  std::uint32_t index;
};

/// A task, the queue VM's own link to other machines, or its door to programs outside: whatever
/// sends and receives.
struct alignas(kLine) EndpointRecord {
  // Constant once the arena is shared.
  TextRef name;  ///< "cell[3]"
  TextRef directory;
  std::uint32_t index;
  std::uint32_t count;
  ListRef coordinates;  ///< of std::uint32_t
  ListRef ports;        ///< of PortRecord
  ListRef teams;        ///< of MembershipRecord: everyone, its job
  Offset heap;          ///< large messages and loans of this sender
  std::uint64_t heap_size;
  std::uint32_t shares_core;  ///< 1: do not spin while waiting
  std::uint32_t uses_link;    ///< 1: threads of the link, which need a core as well, work for it
  std::uint32_t worker;       ///< of a fiber: 1 + position in ArenaHeader::workers; else 0
  std::uint32_t fiber;        ///< its position among the worker's fibers

  // The doorbell: who waits sleeps on `bell`; who has something for it looks at `sleepers`.
  alignas(kLine) std::atomic<std::uint32_t> bell;  ///< a futex
  std::atomic<std::uint32_t> sleepers;             ///< threads asleep or about to be
  std::uint32_t ringers_fence;  ///< constant; 0: who goes to sleep fences for them, see waiter.hpp
  std::atomic<std::uint32_t>
      looked_after;  ///< 1: of a fiber whose worker looks for messages itself

  // Life.
  alignas(kLine) std::atomic<std::uint32_t> state;  ///< EndpointState
  std::atomic<std::uint32_t> follower;              ///< 1: an uncaught mvm::closed ended it
  std::atomic<std::uint32_t> port_epoch;  ///< grows when the queue VM changes the port table
  std::atomic<std::uint32_t> attendants;  ///< threads that libmvm runs for itself

  // Waits, written by this endpoint's threads before they sleep.
  alignas(kLine) std::atomic<std::uint64_t> waits;  ///< how many there were
  WaitRecord wait[kWaitRecords];
};

/// A process that runs several tasks as fibers. Others tell it here which of them have something to
/// go on with: waiter.hpp argues why no wake-up is lost.
struct alignas(kLine) WorkerRecord {
  ListRef woken;    ///< of atomic u64, constant: bit i % 64 of word i / 64 is for fiber i
  ListRef summary;  ///< of atomic u64, constant: bit i % 64 of word i / 64 is for word i of `woken`
  alignas(kLine) std::atomic<std::uint32_t> bell;  ///< a futex
  std::atomic<std::uint32_t> asleep;               ///< 1: it sleeps on the bell or is about to
};

/// Fibers whose bits are in one word, and words whose bits are in one word of the summary.
inline constexpr std::uint32_t kWokenBits = 64;

/// A clock that the queue VM can stop, so that no time limit fires while a group is frozen.
struct GroupClock {
  std::atomic<std::int64_t> offset_ns;  ///< while it runs: group time = CLOCK_MONOTONIC - offset
  std::atomic<std::int64_t> stopped_at_ns;  ///< while it stands: group time; 0: it runs
};

/// At offset 0.
struct alignas(kLine) ArenaHeader {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t layout;  ///< kLayoutHash (layout_hash.hpp) of whoever made the arena
  std::uint64_t size;    ///< of the whole arena
  TextRef group;
  ListRef endpoints;  ///< of EndpointRecord
  ListRef channels;   ///< of ChannelRecord
  ListRef teams;      ///< of TeamRecord, see board_layout.hpp
  ListRef workers;    ///< of WorkerRecord
  std::uint32_t machine;
  std::uint32_t link;          ///< endpoint of the link to other machines
  std::uint32_t outside;       ///< endpoint of the door to programs outside
  std::uint32_t group_fences;  ///< 1: whoever attaches must take part in fences for others
  unsigned char secret[32];    ///< of the group: for aes-gcm. All zero: none
  GroupClock clock;
  alignas(kLine) std::atomic<std::uint32_t> gate;  ///< a futex: 0 closed, 1 open, 2 never opens
};

}  // namespace mvm::queue
