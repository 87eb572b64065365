// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <mvm/base/result.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

#include "link_frame.hpp"

namespace mvm::queue {

/// A frame as it arrived.
struct Arrival {
  LinkFrame frame;
  std::string payload;
};

/// The ZeroMQ sockets of a link, and nothing of its meaning: one that receives from all machines,
/// and one to each of them. A thread of its own receives, because whoever waits for the queues
/// cannot wait for a socket as well.
class LinkSockets {
 public:
  /// Binds and connects. `on_arrival` is called by the receiving thread after something came in.
  [[nodiscard]] static Result<std::unique_ptr<LinkSockets>> open(const WiringPlan& plan,
                                                                 std::function<void()> on_arrival);
  ~LinkSockets();
  LinkSockets(const LinkSockets&) = delete;
  LinkSockets& operator=(const LinkSockets&) = delete;

  /// Queues a frame for a machine; never blocks. `payload` is not copied: it must stay as it is
  /// until the machine has acknowledged it, or the sockets are closed. One thread.
  void send(std::uint32_t machine, const LinkFrame& frame, std::string_view payload = {});

  /// Removes the name of a unix socket: whoever is connected stays so, nobody else comes.
  void forget_name();

  /// What came in since the last call. Any thread.
  [[nodiscard]] std::deque<Arrival> take();
  [[nodiscard]] bool has_arrivals() const;
  /// True after a frame that made no sense: some peer does not keep to the protocol.
  [[nodiscard]] bool broken() const;

 private:
  struct State;
  explicit LinkSockets(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace mvm::queue
