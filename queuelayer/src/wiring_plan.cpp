// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/wiring_plan.hpp>

#include <utility>

#include "wire_form.hpp"
#include "wiring_plan_check.hpp"

namespace mvm::queue {
namespace wire {

template <>
inline constexpr std::uint32_t kListLimit<ChannelSpec> = kMaxChannelsPerMachine;
template <>
inline constexpr std::uint32_t kListLimit<TaskSpec> = kMaxTasksPerMachine;
template <>
inline constexpr std::uint32_t kListLimit<std::uint32_t> = kMaxNumbers;
template <>
inline constexpr std::uint32_t kListLimit<PortSpec> = kMaxPortsPerTask;

}  // namespace wire

static constexpr QueueType last(QueueType) {
  return QueueType::kCustom;
}
static constexpr Overflow last(Overflow) {
  return Overflow::kFail;
}
static constexpr CodecKind last(CodecKind) {
  return CodecKind::kCustom;
}
static constexpr Spread last(Spread) {
  return Spread::kHash;
}
static constexpr ControlLoss last(ControlLoss) {
  return ControlLoss::kHold;
}

// The wire form: fields in this order. Any change here is a new kPlanVersion.

template <wire::Either<EmulatedLink> Self>
static auto fields(Self& link) {
  return std::tie(link.latency, link.jitter, link.bits_per_second, link.loss_ppb, link.seed);
}

template <wire::Either<QueueSpec> Self>
static auto fields(Self& queue) {
  return std::tie(queue.type, queue.overflow, queue.capacity, queue.bytes, queue.levels,
                  queue.drop_late, queue.time_to_live, queue.interval, queue.link, queue.transport,
                  queue.plugin, queue.codecs);
}

template <wire::Either<CodecSpec> Self>
static auto fields(Self& codec) {
  return std::tie(codec.kind, codec.level, codec.plugin);
}

template <wire::Either<PluginSpec> Self>
static auto fields(Self& plugin) {
  return std::tie(plugin.name, plugin.path);
}

template <wire::Either<TeamSpec> Self>
static auto fields(Self& team) {
  return std::tie(team.name, team.root, team.members, team.machines);
}

template <wire::Either<ChannelSpec> Self>
static auto fields(Self& channel) {
  return std::tie(channel.id, channel.queue, channel.sender, channel.sender_machine,
                  channel.receivers, channel.receiver_machines, channel.sender_port,
                  channel.receiver_port);
}

template <wire::Either<SendGroup> Self>
static auto fields(Self& group) {
  return std::tie(group.spread, group.channels);
}

template <wire::Either<PortSpec> Self>
static auto fields(Self& port) {
  return std::tie(port.name, port.sends, port.receives);
}

template <wire::Either<TaskSpec> Self>
static auto fields(Self& task) {
  return std::tie(task.id, task.job, task.index, task.count, task.coordinates, task.program,
                  task.arguments, task.environment, task.directory, task.inputs, task.outputs,
                  task.cores, task.shares_core, task.memory, task.worker, task.stack, task.ports,
                  task.teams);
}

template <wire::Either<MachineAddress> Self>
static auto fields(Self& address) {
  return std::tie(address.endpoint, address.direct);
}

template <wire::Either<WiringPlan> Self>
static auto fields(Self& plan) {
  return std::tie(plan.group, plan.machine, plan.machines, plan.secret, plan.programs,
                  plan.worker_program, plan.workers, plan.channels, plan.tasks, plan.outside,
                  plan.teams, plan.codecs, plan.plugins, plan.output_directory, plan.work_directory,
                  plan.door, plan.wall_time, plan.grace, plan.on_control_loss, plan.hold,
                  plan.reconnect, plan.end_on_failure, plan.trusted_network);
}

namespace {

constexpr std::uint32_t kPlanMagic = 0x4c505651;  ///< "QVPL" in the bytes
constexpr std::uint16_t kPlanVersion = 4;

}  // namespace

std::string_view to_string(QueueType type) {
  switch (type) {
    case QueueType::kFifo:
      return "fifo";
    case QueueType::kPriority:
      return "priority";
    case QueueType::kLifo:
      return "lifo";
    case QueueType::kLatest:
      return "latest";
    case QueueType::kDeadline:
      return "deadline";
    case QueueType::kCustom:
      return "custom";
  }
  std::unreachable();
}

std::string_view to_string(Overflow overflow) {
  switch (overflow) {
    case Overflow::kBlock:
      return "block";
    case Overflow::kDropOldest:
      return "drop-oldest";
    case Overflow::kDropNewest:
      return "drop-newest";
    case Overflow::kFail:
      return "fail";
  }
  std::unreachable();
}

std::string_view to_string(Transport transport) {
  switch (transport) {
    case Transport::kZmq:
      return "zmq";
    case Transport::kTcp:
      return "tcp";
  }
  std::unreachable();
}

std::string_view to_string(CodecKind kind) {
  switch (kind) {
    case CodecKind::kRaw:
      return "raw";
    case CodecKind::kPortable:
      return "portable";
    case CodecKind::kLz4:
      return "lz4";
    case CodecKind::kZstd:
      return "zstd";
    case CodecKind::kCrc32c:
      return "crc32c";
    case CodecKind::kAesGcm:
      return "aes-gcm";
    case CodecKind::kCustom:
      return "custom";
  }
  std::unreachable();
}

std::string_view to_string(Spread spread) {
  switch (spread) {
    case Spread::kOneToOne:
      return "one-to-one";
    case Spread::kEach:
      return "each";
    case Spread::kRoundRobin:
      return "round-robin";
    case Spread::kShared:
      return "shared";
    case Spread::kHash:
      return "hash";
  }
  std::unreachable();
}

std::string TaskSpec::name() const {
  return text(job, '[', index, ']');
}

std::string encode(const WiringPlan& plan) {
  wire::Writer writer;
  writer.put(kPlanMagic);
  writer.put(kPlanVersion);
  writer.put(plan);
  return writer.take();
}

Result<WiringPlan> decode_wiring_plan(std::string_view bytes) {
  wire::Reader reader(bytes, kMaxNameLength);
  std::uint32_t magic = 0;
  std::uint16_t version = 0;
  reader.get(magic);
  reader.get(version);
  if (!reader.ok() || magic != kPlanMagic) {
    return fail(ErrorCode::kInvalidPlan, "these ", bytes.size(), " bytes are not a wiring plan");
  }
  if (version != kPlanVersion) {
    return fail(ErrorCode::kInvalidPlan, "the wiring plan has version ", version,
                ", this queue VM reads version ", kPlanVersion,
                "; use mvm and mvmq of the same release");
  }
  WiringPlan plan;
  reader.get(plan);
  reader.expect_end();
  if (!reader.ok()) {
    return fail(ErrorCode::kInvalidPlan, "the wiring plan is damaged: ", reader.problem());
  }
  if (auto sound = check(plan); !sound) return fail(std::move(sound).error());
  return plan;
}

Result<void> check(const WiringPlan& plan) {
  wire::LimitCheck limits;
  limits.visit(plan);
  if (!limits.problem().empty()) {
    return fail(ErrorCode::kInvalidPlan, "wiring plan of machine ", plan.machine, ": ",
                limits.problem());
  }
  return check_references(plan);
}

}  // namespace mvm::queue
