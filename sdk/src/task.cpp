// SPDX-License-Identifier: Apache-2.0
#include "task.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include <mvm/base/clock.hpp>

#include "plugin.hpp"
#include "team_member.hpp"

namespace mvm {
namespace {

/// A number that the queue VM left in the environment.
std::optional<std::uint32_t> number_from_environment(const char* name) {
  const char* words = std::getenv(name);
  if (words == nullptr) return {};
  std::uint32_t number = 0;
  const char* end = words + std::strlen(words);
  const auto [at, problem] = std::from_chars(words, end, number);
  if (problem != std::errc() || at != end) return {};
  return number;
}

/// The user's own queue types and codecs.
queue::PortWriter::Plugins plugins() {
  return {.rank = load_queue_type, .codec = load_codec};
}

}  // namespace

Port* PortAccess::make(PortState* state) {
  auto* port = new Port();
  port->state_ = state;
  return port;
}

void PortAccess::destroy(Port* port) {
  delete static_cast<PortState*>(port->state_);
  delete port;
}

constinit thread_local char Task::this_thread = 0;
constinit char Task::several_threads = 0;

Task::Task(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) arguments.emplace_back(argv[i]);
  attach();
  if (!queue::wait_for_gate(arena_->header())) {
    throw closed(name_ + ": the job group was ended before it began");
  }
  take_lines();
}

Task::~Task() {
  teams_.clear();
  for (Port* port : hidden_ports_) ports.push_back(port);
  for (Port* port : ports) {
    auto& state = PortAccess::state(*port);
    state.writer->close();
    for (auto* line : state.lines_out) line->end_sending();
  }
  for (Port* port : ports) {
    auto& state = PortAccess::state(*port);
    for (auto& inlet : state.inlets) inlet->reader.close();
  }
  set_terminating_endpoint(nullptr);
  lines_.reset();
  for (Port* port : ports) PortAccess::destroy(port);
}

/// A task that is a process finds its place in its environment.
void Task::map_arena() {
  const auto fd = number_from_environment("MVM_ARENA");
  const auto number = number_from_environment("MVM_TASK");
  if (!fd || !number) {
    throw error(
        "this program is a job of MVM and has no ports of its own; start it with "
        "'mvm run PROFILE', where PROFILE names it as a <job>");
  }
  auto arena = queue::Arena::attach(static_cast<int>(*fd));
  if (!arena) throw error("attach to the job group: " + arena.error().message);
  own_arena_ = std::make_unique<queue::Arena>(std::move(*arena));
  arena_ = own_arena_.get();
  ::close(static_cast<int>(*fd));
  number_ = *number;
}

void Task::attach() {
  if (const auto* host = queue::FiberHost::of_this_thread()) {
    arena_ = &host->arena();
    number_ = host->number();
  } else {
    map_arena();
  }
  if (number_ >= arena_->endpoint_count()) throw error("MVM_TASK names no task of this group");

  endpoint_ = &arena_->endpoint(number_);
  name_ = words_of(endpoint_->name);
  directory = words_of(endpoint_->directory);
  index = endpoint_->index;
  count = endpoint_->count;
  for (const auto n : arena_->list<std::uint32_t>(endpoint_->coordinates)) {
    coordinates.push_back(n);
  }
  heap_ = std::make_unique<queue::SenderHeap>(*arena_, *endpoint_);
  std::uint32_t position = 0;
  for (const auto& record : arena_->list<queue::PortRecord>(endpoint_->ports)) {
    open_port(record, position++);
  }
  teams_.resize(arena_->list<queue::MembershipRecord>(endpoint_->teams).size());
  set_terminating_endpoint(endpoint_);
  endpoint_->state.store(static_cast<std::uint32_t>(queue::EndpointState::kAttached),
                         std::memory_order_release);
}

void Task::open_port(const queue::PortRecord& record, std::uint32_t position) {
  auto* state = new PortState();
  state->task = this;
  state->name = words_of(record.name);
  state->position = position;
  Port* port = PortAccess::make(state);
  const bool hidden = state->name.starts_with('@');
  (hidden ? hidden_ports_ : ports).push_back(port);
  auto writer = queue::PortWriter::open(*arena_, record, *heap_, plugins());
  if (!writer) throw error(name_ + ", port " + state->name + ": " + writer.error().message);
  state->writer = std::move(*writer);
  for (const auto channel : arena_->list<std::uint32_t>(record.receives)) {
    auto decoder = queue::Decoder::of(*arena_, arena_->channel(channel), plugins().codec);
    if (!decoder) throw error(name_ + ", port " + state->name + ": " + decoder.error().message);
    state->inlets.push_back(
        std::unique_ptr<Inlet>(new Inlet{port, {*arena_, channel, number_}, std::move(*decoder)}));
    if (!hidden) inlets.push_back(state->inlets.back().get());
    const auto type = static_cast<queue::QueueType>(arena_->channel(channel).type);
    state->has_urgency |=
        type == queue::QueueType::kPriority || type == queue::QueueType::kDeadline;
  }
  state->express_out = state->writer->sole_ring();
  state->has_own_core =
      endpoint_->shares_core == 0 && endpoint_->uses_link == 0 && endpoint_->worker == 0;
  if (state->inlets.size() == 1) {
    Inlet& inlet = *state->inlets.front();
    if (inlet.reader.ring() != nullptr && !inlet.decoder) state->express_in = &inlet;
  }
}

/// The queue VM handed them over before it opened the gate.
void Task::take_lines() {
  if (own_arena_ == nullptr) return;
  const auto fd = number_from_environment("MVM_LINES");
  if (!fd) return;
  const UniqueFd socket(static_cast<int>(*fd));
  while (auto line = queue::take_line(socket.get())) attach_line(std::move(*line));
  if (lines_) lines_->start();
}

void Task::attach_line(queue::HandedLine handed) {
  if (!lines_) lines_ = std::make_unique<queue::TaskLines>(*arena_, *endpoint_);
  auto& line = lines_->add(std::move(handed.socket));
  for (const auto* all : {&ports, &hidden_ports_}) {
    for (Port* port : *all) attach_line(line, handed.channels, PortAccess::state(*port));
  }
}

void Task::attach_line(queue::DirectLine& line, const queue::LineChannels& channels,
                       PortState& state) {
  if (channels.out) {
    if (auto* writer = state.writer->find(*channels.out)) {
      line.carry_away(*channels.out, *writer->ring());
      state.lines_out.push_back(&line);
      state.line_ring = std::exchange(state.express_out, nullptr);
    }
  }
  for (auto& inlet : state.inlets) {
    if (inlet->reader.number() != channels.in) continue;
    line.bring(*channels.in);
    inlet->reader.attach(line);
    state.express_in = nullptr;
  }
}

void Task::admit_sender() {
  const std::scoped_lock lock(senders_);
  const auto* known = sender_.load(std::memory_order_relaxed);
  sender_.store(known == nullptr ? &this_thread : &several_threads, std::memory_order_relaxed);
}

void Task::take_memory_back() {
  note_sender();
  // A second thread waits here before it sends for the first time.
  const std::scoped_lock lock(senders_);
  if (sender_.load(std::memory_order_relaxed) == &several_threads) return;
  if (lines_) lines_->look();
  for (const auto* all : {&ports, &hidden_ports_}) {
    for (Port* port : *all) PortAccess::state(*port).writer->take_back();
  }
}

Team& Task::team(std::size_t membership) {
  if (membership >= teams_.size()) {
    throw error(name_ + ": this group was planned without teams; plan it again with this version");
  }
  auto& member = teams_[membership];
  if (!member) {
    auto board =
        queue::Board::open(*arena_, number_, static_cast<std::uint32_t>(membership), *heap_);
    if (!board) throw error(name_ + ": " + board.error().message);
    member = std::make_unique<TeamMember>(*this, std::move(*board));
  }
  return member->team();
}

Port* Task::hidden_port(std::string_view port_name) const {
  for (Port* port : hidden_ports_) {
    if (port->name() == port_name) return port;
  }
  throw error(name_ + ": this group was planned without the port " + std::string(port_name) +
              " between machines; plan it again with this version");
}

std::int64_t Task::deadline(std::int64_t timeout_ns) const {
  if (timeout_ns < 0) return queue::kNoDeadline;
  if (timeout_ns == 0) return 0;
  const auto now = queue::group_now_ns(arena_->header().clock);
  return timeout_ns > queue::kNoDeadline - now ? queue::kNoDeadline : now + timeout_ns;
}

}  // namespace mvm
