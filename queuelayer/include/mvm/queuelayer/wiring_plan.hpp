// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/base/units.hpp>

namespace mvm::queue {

/// Everything that a queue VM is told: the tasks of one machine, their ports, and the channels
/// that begin or end there. A queue VM looks nothing up; it obeys its wiring plan.
/// Values only: a plan may be copied, compared, stored, sent to another machine and replayed.

/// Which message of a queue is received next.
enum class QueueType : std::uint8_t {
  kFifo = 0,      ///< the oldest
  kPriority = 1,  ///< of the highest level, the oldest
  kLifo = 2,      ///< the newest; the others stay
  kLatest = 3,    ///< the newest; the others are superseded, and count as dropped
  kDeadline = 4,  ///< with the earliest deadline
  kCustom = 5,    ///< as a plugin ranks them
};

/// What a full queue does with one more message.
enum class Overflow : std::uint8_t {
  kBlock = 0,       ///< the sender waits
  kDropOldest = 1,  ///< the oldest of the least urgent makes room
  kDropNewest = 2,  ///< the new one is dropped
  kFail = 3,        ///< the sender is told by an exception
};

/// What carries a channel between machines.
enum class Transport : std::uint8_t { kZmq = 0, kTcp = 1 };

/// One stage of a queue's encoder and decoder.
enum class CodecKind : std::uint8_t {
  kRaw = 0,       ///< the bytes as they lie in memory
  kPortable = 1,  ///< neutral to byte order and type size, describes its types
  kLz4 = 2,
  kZstd = 3,
  kCrc32c = 4,
  kAesGcm = 5,
  kCustom = 6,  ///< a plugin
};

/// How one send spreads over the channels of a group of a sending port.
enum class Spread : std::uint8_t {
  kOneToOne = 0,    ///< the group has one channel
  kEach = 1,        ///< every receiver gets every message
  kRoundRobin = 2,  ///< receivers in turn
  kShared = 3,      ///< one channel with many receivers; each message goes to exactly one
  kHash = 4,        ///< equal keys go to the same receiver
};

[[nodiscard]] std::string_view to_string(QueueType type);  ///< the profile's words
[[nodiscard]] std::string_view to_string(Overflow overflow);
[[nodiscard]] std::string_view to_string(Transport transport);
[[nodiscard]] std::string_view to_string(CodecKind kind);
[[nodiscard]] std::string_view to_string(Spread spread);  ///< the profile's words: "one-to-one", …

/// A link as a laboratory wants it, made of due times: no packet is harmed.
struct EmulatedLink {
  Duration latency{0};
  Duration jitter{0};                 ///< added to the latency, uniform in 0 … jitter
  std::uint64_t bits_per_second = 0;  ///< 0: as fast as it goes
  std::uint32_t loss_ppb = 0;         ///< messages lost out of 10^9
  std::uint64_t seed = 1;             ///< of loss and jitter; each channel mixes in its id
  bool operator==(const EmulatedLink&) const = default;
};

/// A virtual queue as the profile describes it: type, policies, codec.
struct QueueSpec {
  QueueType type = QueueType::kFifo;
  Overflow overflow = Overflow::kBlock;
  std::uint32_t capacity = 64;  ///< messages, 1 … kMaxCapacity
  Bytes bytes = 256_KiB;        ///< payload; a larger message is admitted when the queue is empty
  std::uint32_t levels = 4;     ///< priorities 0 … levels-1, 1 … kMaxLevels; the highest goes first
  bool drop_late = false;       ///< a message past its deadline is dropped, not only counted
  Duration time_to_live{0};     ///< 0: for ever
  Duration interval{0};         ///< between two messages: 1 / the rate limit. 0: no limit
  EmulatedLink link;
  Transport transport = Transport::kZmq;
  std::uint32_t plugin = 0;           ///< of kCustom: index into WiringPlan::plugins
  std::vector<std::uint32_t> codecs;  ///< indices into WiringPlan::codecs; encoded in this order
  bool operator==(const QueueSpec&) const = default;

  /// True when the queue delays messages by the clock: rate limit or emulated link.
  [[nodiscard]] bool is_timed() const {
    return interval.count() > 0 || link.latency.count() > 0 || link.jitter.count() > 0 ||
           link.bits_per_second > 0;
  }
};

/// One codec that queues of this plan use.
struct CodecSpec {
  CodecKind kind = CodecKind::kRaw;
  std::int32_t level = 0;    ///< of compression; 0: the codec's own default
  std::uint32_t plugin = 0;  ///< of kCustom: index into WiringPlan::plugins
  bool operator==(const CodecSpec&) const = default;
};

/// A user's own codec or queue type: a shared object that tasks load. Queue VMs never do.
struct PluginSpec {
  std::string name;  ///< as the profile names it
  std::string path;  ///< of the shared object
  bool operator==(const PluginSpec&) const = default;
};

/// A virtual queue bound to its ends. It lives at the receiver.
struct ChannelSpec {
  std::uint64_t id = 0;  ///< unique in the group; the same on every machine
  QueueSpec queue;
  std::uint32_t sender = 0;  ///< task id
  std::uint32_t sender_machine = 0;
  std::vector<std::uint32_t> receivers;  ///< task ids; more than one only for Spread::kShared
  std::vector<std::uint32_t> receiver_machines;  ///< of each receiver
  std::string sender_port;                       ///< "cell[0].x+", for messages to people
  std::string receiver_port;  ///< "cell[1].x-"; "worker[*].in" for many receivers
  bool operator==(const ChannelSpec&) const = default;
};

/// The channels that one sending port feeds because of one statement of the topology. A send goes
/// to every group of its port, and inside a group as `spread` says.
struct SendGroup {
  Spread spread = Spread::kOneToOne;
  std::vector<std::uint32_t> channels;  ///< indices into WiringPlan::channels
  bool operator==(const SendGroup&) const = default;
};

/// A task's named end of its edges.
struct PortSpec {
  std::string name;
  std::vector<SendGroup> sends;         ///< empty: a port that only receives
  std::vector<std::uint32_t> receives;  ///< indices into WiringPlan::channels
  bool operator==(const PortSpec&) const = default;
};

/// One task: what to start and what it sees.
struct TaskSpec {
  std::uint32_t id = 0;  ///< unique in the group
  std::string job;
  std::uint32_t index = 0;  ///< 0 … count-1 within its job
  std::uint32_t count = 1;
  std::vector<std::uint32_t> coordinates;  ///< in its topology; {index} where the shape has none
  std::uint32_t program = 0;               ///< index into WiringPlan::programs
  std::vector<std::string> arguments;      ///< after the program's name
  std::vector<std::string> environment;    ///< "NAME=value", on top of the queue VM's own
  std::string directory;                   ///< working directory; made by the queue VM
  std::vector<std::string> inputs;         ///< files to stage into it, absolute paths
  std::vector<std::string> outputs;        ///< globs relative to it, collected at the end
  std::vector<std::uint32_t> cores;        ///< where it may run; empty: anywhere
  bool shares_core = false;                ///< another task is pinned to the same core: do not spin
  std::optional<Bytes> memory;             ///< limit of private memory
  std::optional<std::uint32_t> worker;     ///< the worker that runs it as a fiber; empty: a process
  Bytes stack;                             ///< of a fiber: address space, used as it is touched
  std::vector<PortSpec> ports;
  std::vector<std::uint32_t> teams;  ///< indices into WiringPlan::teams: everyone, its job

  [[nodiscard]] std::string name() const;  ///< "cell[3]"
  bool operator==(const TaskSpec&) const = default;
};

/// Tasks that call collective operations together: all tasks of the group, or those of one job.
struct TeamSpec {
  std::string name;                     ///< the job's, or "everyone"
  std::uint32_t root = 0;               ///< index among the members
  std::vector<std::uint32_t> members;   ///< task ids, ascending: the order of their index in it
  std::vector<std::uint32_t> machines;  ///< of each member
  bool operator==(const TeamSpec&) const = default;
};

/// Stands for programs outside of the group, as the sender or receiver of a channel. Their end lies
/// on the first machine.
inline constexpr std::uint32_t kOutside = 0xffffffff;

/// Begins the names of ports that are not the user's: "@cell.up", between the machines of a team.
inline constexpr char kHiddenMark = '@';

/// What the queue VM does when its control connection is lost.
enum class ControlLoss : std::uint8_t { kEnd = 0, kHold = 1 };

/// How the queue VMs of a group reach each other.
struct MachineAddress {
  std::string endpoint;  ///< ZeroMQ endpoint that this machine's queue VM binds; empty: alone
  std::string direct;    ///< where it listens for direct links: "tcp://HOST:PORT" or "ipc://PATH";
                         ///< empty where no channel of the group has Transport::kTcp
  bool operator==(const MachineAddress&) const = default;
};

struct WiringPlan {
  std::string group;                     ///< group id
  std::uint32_t machine = 0;             ///< this machine's index
  std::vector<MachineAddress> machines;  ///< of the whole group
  std::string secret;  ///< 64 hexadecimal digits that only the group's machines know: of links
                       ///< that leave the host, and of aes-gcm queues
  std::vector<std::string>
      programs;                ///< paths, one per job: executables; of fibers, shared objects
  std::string worker_program;  ///< path of what runs fibers; empty: there are none
  std::uint32_t workers = 0;   ///< processes that run fibers
  std::vector<ChannelSpec> channels;  ///< that begin or end on this machine
  std::vector<TaskSpec> tasks;        ///< of this machine
  std::vector<PortSpec> outside;      ///< ports open to programs outside; first machine only
  std::vector<TeamSpec> teams;        ///< the whole group's; the first is everyone
  std::vector<CodecSpec> codecs;
  std::vector<PluginSpec> plugins;
  std::string output_directory;  ///< where collected outputs go; "job.index/" below it
  std::string work_directory;    ///< of this machine's tasks; removed at the end, and its
                                 ///< parent too when nothing else is in it
  std::string door;       ///< the starter's socket for others of this host; removed when it is left
  Duration wall_time{0};  ///< 0: none. Enforced by the queue VM
  Duration grace = std::chrono::seconds(5);  ///< between SIGTERM and SIGKILL
  ControlLoss on_control_loss = ControlLoss::kEnd;
  Duration hold{0};                               ///< for ControlLoss::kHold
  Duration reconnect = std::chrono::seconds(20);  ///< a broken link is mended for so long
  bool end_on_failure = true;                     ///< the first failed task ends its group
  bool trusted_network = false;  ///< what direct links carry between hosts is not encrypted
  bool operator==(const WiringPlan&) const = default;
};

/// Limits of a plan, so that a hostile or mistaken one is refused before it costs anything.
inline constexpr std::uint32_t kMaxTasksPerMachine = 200'000;
inline constexpr std::uint32_t kMaxChannelsPerMachine = 2'000'000;
inline constexpr std::uint32_t kMaxPortsPerTask = 65'536;  ///< a complete graph of 65,537 tasks
inline constexpr std::uint32_t kMaxCapacity = 1u << 20;    ///< messages per queue
inline constexpr std::uint32_t kMaxLevels = 256;           ///< of priority
inline constexpr std::uint32_t kMaxCodecs = 8;             ///< in one chain
inline constexpr std::uint32_t kMaxNameLength = 4096;      ///< names, words, paths (PATH_MAX)
inline constexpr std::uint32_t kMaxListLength = 65'536;    ///< arguments, inputs, …
inline constexpr std::uint32_t kMaxNumbers = 1u << 20;     ///< members of a team, receivers, …
inline constexpr std::uint32_t kMaxCores = 1024;           ///< glibc's CPU_SETSIZE
inline constexpr Bytes kSmallestStack = 32_KiB;            ///< of a fiber: the loader works on it
inline constexpr Bytes kLargestStack = 1_GiB;
inline constexpr Bytes kMaxQueueBytes = 1_GiB;
inline constexpr Bytes kMaxMessage = 1_GiB;

/// The plan in its wire form (little endian, versioned, documented in docs/control-protocol.md).
[[nodiscard]] std::string encode(const WiringPlan& plan);

/// Reads the wire form. Everything is checked: lengths, limits, indices, enumerations, and that
/// ports and channels agree. kInvalidPlan says what does not hold.
[[nodiscard]] Result<WiringPlan> decode_wiring_plan(std::string_view bytes);

/// The checks of `decode_wiring_plan` for a plan made in this process.
[[nodiscard]] Result<void> check(const WiringPlan& plan);

}  // namespace mvm::queue
