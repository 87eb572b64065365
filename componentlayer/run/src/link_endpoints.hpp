// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <mvm/base/result.hpp>
#include <mvm/base/unique_fd.hpp>
#include <mvm/model/plan.hpp>
#include <mvm/run/group_runner.hpp>

namespace mvm::run {

/// Where the queue VMs of a group meet: unix sockets in a private folder that goes away as soon as
/// they have met, or TCP addresses with keys. Nothing at all for a group on one machine.
class LinkEndpoints {
 public:
  /// Writes endpoints and keys into the plan's wiring plans.
  [[nodiscard]] static Result<LinkEndpoints> choose(model::Plan& plan,
                                                    const LaunchSettings& settings);

  LinkEndpoints(LinkEndpoints&& other) noexcept
      : folder_(std::exchange(other.folder_, {})), lock_(std::move(other.lock_)) {}
  LinkEndpoints& operator=(LinkEndpoints&&) = delete;
  ~LinkEndpoints() { all_connected(); }

  /// The sockets' names have served their purpose. Idempotent.
  void all_connected();

 private:
  LinkEndpoints() = default;
  std::filesystem::path folder_;
  UniqueFd lock_;  ///< tells the leak audit that the folder's owner lives
};

/// `words` with {machine} and {name} replaced for a machine.
[[nodiscard]] std::string for_machine(std::string_view words, std::uint32_t machine);

}  // namespace mvm::run
