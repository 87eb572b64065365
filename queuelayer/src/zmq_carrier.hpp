// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <set>

#include <mvm/base/result.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

#include "carrier.hpp"
#include "link_watcher.hpp"

namespace mvm::queue {

/// Parcels over ZeroMQ: one connection to each other machine, which the machine of the higher
/// number makes. Over TCP with CURVE, whose keys prove that both belong to the group; or over unix
/// sockets in a folder that only this user may enter.
class ZmqCarrier : public Carrier {
 public:
  /// Binds and connects. Errors: kTransport where that cannot be, kPermission for a folder that
  /// others may enter, kInvalidPlan without keys for TCP. `watcher` must be gone before the
  /// carrier.
  [[nodiscard]] static Result<std::unique_ptr<ZmqCarrier>> open(
      const WiringPlan& plan, const std::set<std::uint32_t>& partners, LinkWatcher& watcher);
  ~ZmqCarrier() override;

  [[nodiscard]] bool send(std::uint32_t machine, std::string_view head,
                          std::string_view tail) override;
  bool receive(Listener& listener) override;
  [[nodiscard]] bool has_news() const override;
  void reconnect(std::uint32_t machine) override;
  void forget_name() override;
  [[nodiscard]] std::uint64_t refused() const override;

 private:
  struct State;
  explicit ZmqCarrier(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace mvm::queue
