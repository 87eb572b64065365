// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mvm/base/subprocess.hpp>
#include <mvm/oslayer/machine.hpp>

namespace mvm::os {

/// The plainest machine: a process of this host and user, or of wherever an agent such as ssh or
/// `ip netns exec` starts one. Isolates nothing.
class ProcessMachine : public Machine {
 public:
  explicit ProcessMachine(MachineSpec spec) : spec_(std::move(spec)) {}
  ~ProcessMachine() override;

  [[nodiscard]] MachineKind kind() const override { return MachineKind::kProcess; }
  [[nodiscard]] Result<UniqueFd> start(const std::vector<std::string>& command) override;
  void destroy(std::chrono::milliseconds patience) override;

 private:
  MachineSpec spec_;
  Child child_;
};

}  // namespace mvm::os
