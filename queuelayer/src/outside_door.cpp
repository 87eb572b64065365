// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/outside_door.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include <mvm/queuelayer/endpoint_numbers.hpp>
#include <mvm/queuelayer/sender_heap.hpp>
#include <mvm/queuelayer/waiter.hpp>

#include "outside_inlet.hpp"
#include "outside_outlet.hpp"

namespace mvm::queue {

using control::OutsideClosed;
using control::OutsideEnd;
using control::OutsideReply;
using control::OutsideRequest;
using control::OutsideWay;

namespace {

/// An open port: it may lead in, out, or both.
struct OpenPort {
  std::string name;
  std::unique_ptr<OutsideInlet> inlet;
  std::unique_ptr<OutsideOutlet> outlet;
};

std::string quoted(const std::vector<std::string>& names) {
  std::string words;
  for (const auto& name : names) words += text(words.empty() ? "'" : ", '", name, "'");
  return words;
}

}  // namespace

struct OutsideDoor::State {
  State(const WiringPlan& plan, const Arena& arena, Listener listener)
      : endpoint(arena.endpoint(outside_endpoint(plan))),
        heap(arena, endpoint),
        waiter(endpoint, arena.header().clock),
        tell(std::move(listener)) {}

  [[nodiscard]] Result<void> make_ports(const WiringPlan& plan, const Arena& arena);
  void run();
  [[nodiscard]] bool step();
  [[nodiscard]] bool take_requests();
  void on_request(const OutsideRequest& request);
  void on_open(const control::OutsideOpen& open);
  [[nodiscard]] std::string refusal(const control::OutsideOpen& open) const;
  [[nodiscard]] std::int64_t due() const;

  EndpointRecord& endpoint;
  SenderHeap heap;
  Waiter waiter;
  Listener tell;
  std::vector<OpenPort> ports;
  std::vector<OutsideReply> replies;

  std::mutex mutex;
  std::vector<OutsideRequest> requests;    ///< under `mutex`
  std::atomic<bool> has_requests = false;  ///< or is to stop
  std::atomic<bool> stopping = false;
  std::thread thread;
};

Result<std::unique_ptr<OutsideDoor>> OutsideDoor::open(const WiringPlan& plan, const Arena& arena,
                                                       Listener listener) {
  auto state = std::make_unique<State>(plan, arena, std::move(listener));
  if (auto made = state->make_ports(plan, arena); !made) return fail(made.error());
  std::unique_ptr<OutsideDoor> door(new OutsideDoor(std::move(state)));
  door->state_->thread = std::thread([state = door->state_.get()] { state->run(); });
  return door;
}

OutsideDoor::OutsideDoor(std::unique_ptr<State> state) : state_(std::move(state)) {}

OutsideDoor::~OutsideDoor() {
  state_->stopping.store(true);
  ring(state_->endpoint);
  state_->thread.join();
}

void OutsideDoor::hear(OutsideRequest request) {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->requests.push_back(std::move(request));
  }
  state_->has_requests.store(true, std::memory_order_release);
  ring(state_->endpoint);
}

/// Before any task could have written to the arena.
Result<void> OutsideDoor::State::make_ports(const WiringPlan& plan, const Arena& arena) {
  const auto records = arena.list<PortRecord>(endpoint.ports);
  for (std::size_t i = 0; i < plan.outside.size(); ++i) {
    const auto& spec = plan.outside[i];
    OpenPort port{.name = spec.name};
    if (!spec.sends.empty()) {
      auto inlet = OutsideInlet::make(arena, records[i], heap, endpoint.heap_size, spec.name);
      if (!inlet) return fail(inlet.error());
      port.inlet = *std::move(inlet);
    }
    if (!spec.receives.empty()) {
      auto outlet = OutsideOutlet::make(arena, records[i], outside_endpoint(plan), spec.name);
      if (!outlet) return fail(outlet.error());
      port.outlet = *std::move(outlet);
    }
    ports.push_back(std::move(port));
  }
  return {};
}

void OutsideDoor::State::run() {
  while (!stopping.load()) {
    const bool moved = step();
    if (!replies.empty()) tell(std::exchange(replies, {}));
    if (moved) continue;
    waiter.wait([this] { return stopping.load() || step(); }, due());
  }
}

/// Everything that can be done now. True when something was.
bool OutsideDoor::State::step() {
  bool moved = take_requests();
  for (auto& port : ports) {
    if (port.inlet) moved |= port.inlet->step(replies);
    if (port.outlet) moved |= port.outlet->step(replies);
  }
  return moved || !replies.empty();
}

bool OutsideDoor::State::take_requests() {
  if (!has_requests.exchange(false, std::memory_order_acquire)) return false;
  std::vector<OutsideRequest> taken;
  {
    const std::scoped_lock lock(mutex);
    taken.swap(requests);
  }
  for (const auto& request : taken) on_request(request);
  return !taken.empty();
}

void OutsideDoor::State::on_request(const OutsideRequest& request) {
  if (const auto* open = std::get_if<control::OutsideOpen>(&request)) return on_open(*open);
  for (auto& port : ports) {
    if (const auto* data = std::get_if<control::OutsideData>(&request)) {
      if (port.inlet) port.inlet->data(*data);
    } else if (const auto* done = std::get_if<control::OutsideDone>(&request)) {
      if (port.outlet) port.outlet->done(*done);
    } else if (const auto* leave = std::get_if<control::OutsideLeave>(&request)) {
      if (port.inlet) port.inlet->leave(*leave);
      if (port.outlet) port.outlet->leave(*leave);
    }
  }
}

void OutsideDoor::State::on_open(const control::OutsideOpen& open) {
  const auto port = std::ranges::find(ports, open.port, &OpenPort::name);
  if (port != ports.end() && open.way == OutsideWay::kEnqueue && port->inlet) {
    port->inlet->open(open.session, replies);
  } else if (port != ports.end() && open.way == OutsideWay::kDequeue && port->outlet) {
    port->outlet->open(open, replies);
  } else {
    replies.push_back(
        OutsideClosed{open.session, OutsideEnd::kRefused, ErrorCode::kNotFound, refusal(open)});
  }
}

/// Why a port cannot be opened that way, and which can.
std::string OutsideDoor::State::refusal(const control::OutsideOpen& open) const {
  const bool enqueue = open.way == OutsideWay::kEnqueue;
  std::vector<std::string> fitting;
  bool known = false;
  for (const auto& port : ports) {
    known |= port.name == open.port;
    if (enqueue ? port.inlet != nullptr : port.outlet != nullptr) fitting.push_back(port.name);
  }
  const std::string_view verb = enqueue ? "enqueued" : "dequeued";
  const auto others = fitting.empty()
                          ? text("at none of its ports messages can be ", verb, " from outside")
                          : text("messages can be ", verb, " at ", quoted(fitting));
  if (known) {
    return text("port '", open.port, "' leads ", enqueue ? "out of" : "into", " the group; ",
                others);
  }
  return text("the group has no open port '", open.port, "'; ", others);
}

std::int64_t OutsideDoor::State::due() const {
  auto at = kNever;
  for (const auto& port : ports) {
    if (port.inlet) at = std::min(at, port.inlet->due());
    if (port.outlet) at = std::min(at, port.outlet->due());
  }
  return at;
}

}  // namespace mvm::queue
