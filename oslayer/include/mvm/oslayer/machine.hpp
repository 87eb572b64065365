// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/base/unique_fd.hpp>

namespace mvm::os {

/// The environments that can host tasks.
enum class MachineKind : std::uint8_t { kProcess, kSandbox, kContainer, kVm };

[[nodiscard]] std::string_view to_string(MachineKind kind);
[[nodiscard]] std::optional<MachineKind> parse_machine_kind(std::string_view word);

/// What a machine is to be.
struct MachineSpec {
  MachineKind kind = MachineKind::kProcess;
  std::string name;                 ///< "m0"
  std::vector<std::string> launch;  ///< words of an agent put before a command; empty: none
};

/// An OS-level environment made on demand. Whoever made it destroys it: the destructor does.
/// One thread.
class Machine {
 public:
  virtual ~Machine() = default;

  [[nodiscard]] virtual MachineKind kind() const = 0;

  /// Starts a program in the machine and connects to its standard input and output. One program
  /// per machine. kLaunch, kNotFound.
  [[nodiscard]] virtual Result<UniqueFd> start(const std::vector<std::string>& command) = 0;

  /// Waits until the program has ended, at most `patience`, then ends it. Idempotent.
  virtual void destroy(std::chrono::milliseconds patience) = 0;
};

/// Makes a machine. kUnsupported names a kind that this version does not have.
[[nodiscard]] Result<std::unique_ptr<Machine>> make_machine(MachineSpec spec);

}  // namespace mvm::os
