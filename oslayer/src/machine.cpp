// SPDX-License-Identifier: Apache-2.0
#include <mvm/oslayer/machine.hpp>

#include <array>

#include "process_machine.hpp"

namespace mvm::os {
namespace {

constexpr std::array<std::string_view, 4> kKindWords{"process", "sandbox", "container", "vm"};

}  // namespace

std::string_view to_string(MachineKind kind) {
  return kKindWords[static_cast<std::size_t>(kind)];
}

std::optional<MachineKind> parse_machine_kind(std::string_view word) {
  for (std::size_t i = 0; i < kKindWords.size(); ++i) {
    if (kKindWords[i] == word) return static_cast<MachineKind>(i);
  }
  return {};
}

Result<std::unique_ptr<Machine>> make_machine(MachineSpec spec) {
  switch (spec.kind) {
    case MachineKind::kProcess:
      return std::make_unique<ProcessMachine>(std::move(spec));
    case MachineKind::kSandbox:
    case MachineKind::kContainer:
    case MachineKind::kVm:
      break;
  }
  return fail(ErrorCode::kUnsupported, "machine ", spec.name, ": kind '", to_string(spec.kind),
              "' is not available in this version; use kind=\"process\"");
}

}  // namespace mvm::os
