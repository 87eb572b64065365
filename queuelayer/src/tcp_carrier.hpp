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

/// Parcels over sockets of our own, without a library's threads in between, for channels whose
/// latency counts: one connection to each other machine, which the machine of the higher number
/// makes. Over TCP with TLS 1.3, whose key proves that both belong to the group; or over unix
/// sockets, whose other end must belong to the same user.
class TcpCarrier : public Carrier {
 public:
  /// Binds, and begins to connect. Errors: kTransport where that cannot be, kPermission for a
  /// folder that others may enter, kInvalidPlan without the group's secret. `watcher` must be gone
  /// before the carrier.
  [[nodiscard]] static Result<std::unique_ptr<TcpCarrier>> open(
      const WiringPlan& plan, const std::set<std::uint32_t>& partners, LinkWatcher& watcher);
  ~TcpCarrier() override;

  [[nodiscard]] bool send(std::uint32_t machine, std::string_view head,
                          std::string_view tail) override;
  bool receive(Listener& listener) override;
  [[nodiscard]] bool has_news() const override;
  void reconnect(std::uint32_t machine) override;
  void forget_name() override;
  [[nodiscard]] std::uint64_t refused() const override;

 private:
  struct State;
  explicit TcpCarrier(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace mvm::queue
