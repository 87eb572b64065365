// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/control_protocol.hpp>

#include <array>
#include <numeric>
#include <utility>

#include "wire_form.hpp"

namespace mvm::queue {

/// In the arena, but it travels too.
static constexpr WaitKind last(WaitKind) {
  return WaitKind::kExchange;
}

namespace wire {

template <>
inline constexpr std::uint32_t kListLimit<control::ChannelCount> = kMaxChannelsPerMachine;
template <>
inline constexpr std::uint32_t kListLimit<control::TaskStatus> = kMaxTasksPerMachine;
template <>
inline constexpr std::uint32_t kListLimit<control::ThreadWait> = kWaitRecords;
template <>
inline constexpr std::uint32_t kListLimit<control::PendingWait> = 2 * kMaxPortsPerTask;

}  // namespace wire

namespace control {

static constexpr OutputStream last(OutputStream) {
  return OutputStream::kErrors;
}
static constexpr EndKind last(EndKind) {
  return EndKind::kLostWorker;
}
static constexpr StopReason last(StopReason) {
  return StopReason::kKill;
}
static constexpr TaskState last(TaskState) {
  return TaskState::kEnded;
}
static constexpr OutsideWay last(OutsideWay) {
  return OutsideWay::kDequeue;
}
static constexpr OutsideGoing last(OutsideGoing) {
  return OutsideGoing::kGone;
}
static constexpr OutsideEnd last(OutsideEnd) {
  return OutsideEnd::kRefused;
}

// The payloads: fields in this order. Any change here is a new kVersion.

template <typename Self>
concept Empty = wire::Either<Self, Release> || wire::Either<Self, AllEnded> ||
                wire::Either<Self, Finish> || wire::Either<Self, Stalled>;
template <Empty Self>
static auto fields(Self&) {
  return std::tuple<>();
}
template <wire::Either<Hello> Self>
static auto fields(Self& hello) {
  return std::tie(hello.pid);
}
template <wire::Either<Ready> Self>
static auto fields(Self& ready) {
  return std::tie(ready.arena);
}
template <wire::Either<Output> Self>
static auto fields(Self& output) {
  return std::tie(output.task, output.stream, output.bytes);
}
template <wire::Either<TaskStarted> Self>
static auto fields(Self& started) {
  return std::tie(started.task, started.pid);
}
template <wire::Either<TaskEnded> Self>
static auto fields(Self& ended) {
  return std::tie(ended.task, ended.kind, ended.status, ended.ran, ended.cpu, ended.peak_memory);
}
template <wire::Either<Stop> Self>
static auto fields(Self& stop) {
  return std::tie(stop.reason);
}
template <wire::Either<ChannelCount> Self>
static auto fields(Self& count) {
  return std::tie(count.channel, count.enqueued, count.dequeued, count.drops, count.left,
                  count.lost_with_task, count.late, count.bytes, count.high_water,
                  count.sender_blocked, count.receiver_blocked, count.sender_closed,
                  count.receiver_closed);
}
template <wire::Either<Figures> Self>
static auto fields(Self& figures) {
  return std::tie(figures.channels);
}
template <wire::Either<Failed> Self>
static auto fields(Self& failed) {
  return std::tie(failed.code, failed.message);
}

template <wire::Either<PendingWait> Self>
static auto fields(Self& wait) {
  return std::tie(wait.kind, wait.port, wait.channel, wait.size);
}
template <wire::Either<ThreadWait> Self>
static auto fields(Self& wait) {
  return std::tie(wait.kind, wait.subject, wait.channel, wait.size, wait.seen, wait.number,
                  wait.lasted, wait.limited, wait.can_go_on, wait.pending);
}
template <wire::Either<TaskStatus> Self>
static auto fields(Self& task) {
  return std::tie(task.task, task.state, task.pid, task.threads, task.has_children, task.waits);
}
template <wire::Either<Ask> Self>
static auto fields(Self& ask) {
  return std::tie(ask.token);
}
template <wire::Either<LinkCount> Self>
static auto fields(Self& link) {
  return std::tie(link.machine, link.transport, link.bytes_sent, link.bytes_received,
                  link.parcels_sent, link.parcels_received, link.parcels_resent,
                  link.parcels_refused, link.reconnects);
}
template <wire::Either<Status> Self>
static auto fields(Self& status) {
  return std::tie(status.token, status.group_time_ns, status.tasks, status.channels, status.links,
                  status.strangers_refused);
}

std::uint64_t ChannelCount::dropped() const {
  return std::accumulate(drops.begin(), drops.end(), std::uint64_t{0});
}

template <wire::Either<OutsideOpen> Self>
static auto fields(Self& open) {
  return std::tie(open.session, open.port, open.way, open.limit);
}
template <wire::Either<OutsideData> Self>
static auto fields(Self& data) {
  return std::tie(data.session, data.bytes);
}
template <wire::Either<OutsideDone> Self>
static auto fields(Self& done) {
  return std::tie(done.session, done.messages, done.bytes);
}
template <wire::Either<OutsideLeave> Self>
static auto fields(Self& leave) {
  return std::tie(leave.session, leave.how);
}
template <wire::Either<OutsideClosed> Self>
static auto fields(Self& closed) {
  return std::tie(closed.session, closed.end, closed.code, closed.message);
}

namespace {

constexpr std::size_t kHeaderSize = 8;

/// What a frame of each kind may hold, so that a peer cannot make us wait for a body that no
/// honest one would send. A kind's number is its place here and in `Message`, from 1.
struct Kind {
  std::string_view name;
  std::uint32_t largest;
};
constexpr std::uint32_t kSmall = 64;
constexpr std::uint32_t kTextFrame = kMaxText + kSmall;
constexpr std::uint32_t kNameFrame = kMaxNameLength + kSmall;
constexpr std::array kKinds{
    Kind{"Hello", kSmall},
    Kind{"Start", kMaxFrame},
    Kind{"Ready", kSmall},
    Kind{"Release", 0},
    Kind{"Output", kTextFrame},
    Kind{"TaskStarted", kSmall},
    Kind{"TaskEnded", kSmall},
    Kind{"Stop", kSmall},
    Kind{"AllEnded", 0},
    Kind{"Finish", 0},
    Kind{"Figures", kMaxFrame},
    Kind{"Failed", kTextFrame},
    Kind{"Stalled", 0},
    Kind{"Ask", kSmall},
    Kind{"Status", kMaxFrame},
    Kind{"OutsideOpen", kNameFrame},
    Kind{"OutsideData", kTextFrame},
    Kind{"OutsideDone", kSmall},
    Kind{"OutsideLeave", kSmall},
    Kind{"OutsideClosed", kTextFrame},
};
static_assert(kKinds.size() == std::variant_size_v<Message>);

template <typename Payload>
void put_payload(wire::Writer& writer, const Payload& payload) {
  writer.put(payload);
}

/// The longest prefix that fits the frame; a failure's text is for people, its head says most.
void put_payload(wire::Writer& writer, const Failed& failed) {
  writer.put(failed.code);
  writer.put(failed.message.substr(0, kMaxText));
}
void put_payload(wire::Writer& writer, const OutsideClosed& closed) {
  writer.put(closed.session);
  writer.put(closed.end);
  writer.put(closed.code);
  writer.put(closed.message.substr(0, kMaxText));
}

template <typename Payload>
Result<Message> read_payload(std::string_view bytes) {
  wire::Reader reader(bytes, kMaxText);
  Payload payload;
  reader.get(payload);
  reader.expect_end();
  if (!reader.ok()) return fail(ErrorCode::kProtocol, "its payload is wrong: ", reader.problem());
  return payload;
}

template <>
Result<Message> read_payload<Start>(std::string_view bytes) {
  auto plan = decode_wiring_plan(bytes);
  if (!plan) return fail(std::move(plan).error());
  return Start{*std::move(plan)};
}

/// A reader per kind, in the order of the variant.
using PayloadReader = Result<Message> (*)(std::string_view);
template <typename... Payloads>
constexpr auto payload_readers(const std::variant<Payloads...>*) {
  return std::array<PayloadReader, sizeof...(Payloads)>{read_payload<Payloads>...};
}
constexpr auto kPayloadReaders = payload_readers(static_cast<const Message*>(nullptr));

struct Header {
  std::size_t kind = 0;  ///< from 0
  std::uint32_t length = 0;
};

Result<Header> read_header(std::string_view bytes) {
  ByteReader reader(bytes);
  if (reader.get<std::uint8_t>() != 'M' || reader.get<std::uint8_t>() != 'V') {
    return fail(ErrorCode::kProtocol,
                "the peer does not speak the control protocol: a frame should begin with 'MV'");
  }
  if (const auto version = reader.get<std::uint8_t>(); version != kVersion) {
    return fail(ErrorCode::kProtocol, "the peer speaks version ", version,
                " of the control protocol, we speak ", kVersion,
                "; use mvm and mvmq of the same release");
  }
  const auto kind = reader.get<std::uint8_t>();
  if (kind == 0 || kind > kKinds.size()) {
    return fail(ErrorCode::kProtocol, "the peer sent a control frame of unknown kind ", kind);
  }
  const Header header{kind - std::size_t{1}, reader.get<std::uint32_t>()};
  if (const auto& [name, largest] = kKinds[header.kind]; header.length > largest) {
    return fail(ErrorCode::kLimit, "the peer announced a control frame ", name, " of ",
                header.length, " bytes, the limit is ", largest);
  }
  return header;
}

}  // namespace

std::string encode(const Message& message) {
  auto payload = std::visit(
      [](const auto& body) {
        if constexpr (std::is_same_v<std::decay_t<decltype(body)>, Start>) {
          return queue::encode(body.plan);
        } else {
          wire::Writer writer;
          put_payload(writer, body);
          return writer.take();
        }
      },
      message);
  ByteWriter header;
  header.put(std::uint8_t{'M'});
  header.put(std::uint8_t{'V'});
  header.put(kVersion);
  header.put(static_cast<std::uint8_t>(message.index() + 1));
  header.put(static_cast<std::uint32_t>(payload.size()));
  return header.take() + payload;
}

void FrameReader::feed(std::string_view bytes) {
  // What was cut off goes away only when it is most of the buffer: moving costs once per byte.
  if (taken_ > buffer_.size() / 2) {
    buffer_.erase(0, taken_);
    taken_ = 0;
  }
  if (!broken_) buffer_.append(bytes);
}

Result<std::optional<Message>> FrameReader::next() {
  if (broken_) return fail(*broken_);
  const auto rest = std::string_view(buffer_).substr(taken_);
  if (rest.size() < kHeaderSize) return std::nullopt;
  const auto header = read_header(rest);
  if (!header) return fail(broken_.emplace(header.error()));
  if (rest.size() - kHeaderSize < header->length) return std::nullopt;
  auto message = kPayloadReaders[header->kind](rest.substr(kHeaderSize, header->length));
  if (!message) {
    return fail(broken_.emplace(Error{
        message.error().code, text("the peer sent a control frame ", kKinds[header->kind].name,
                                   ", but ", message.error().message)}));
  }
  taken_ += kHeaderSize + header->length;
  return *std::move(message);
}

}  // namespace control
}  // namespace mvm::queue
