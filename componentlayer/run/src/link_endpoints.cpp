// SPDX-License-Identifier: GPL-3.0-or-later
#include "link_endpoints.hpp"

#include <mvm/base/file.hpp>

#include "link_keys.hpp"

namespace mvm::run {

std::string for_machine(std::string_view words, std::uint32_t machine) {
  std::string out(words);
  const auto replace_all = [&out](std::string_view what, const std::string& with) {
    for (auto at = out.find(what); at != std::string::npos; at = out.find(what, at + with.size())) {
      out.replace(at, what.size(), with);
    }
  };
  replace_all("{machine}", std::to_string(machine));
  replace_all("{name}", text("m", machine));
  return out;
}

Result<void> choose_link_endpoints(model::Plan& plan, const LaunchSettings& settings) {
  const auto secret = make_group_secret();
  if (!secret) return fail(secret.error());
  for (auto& wiring : plan.wiring) wiring.keys.group_secret = *secret;
  if (plan.wiring.size() < 2) return {};
  queue::LinkKeys keys;
  std::string pattern = settings.endpoint;
  if (pattern.empty()) {
    pattern = "ipc://" + (runtime_folder() / plan.group / "{name}").string();
  } else {
    if (for_machine(pattern, 0) == for_machine(pattern, 1)) {
      return fail(ErrorCode::kUsage, "the endpoint '", pattern,
                  "' is the same for every machine; write {machine} where they differ");
    }
    auto made = make_link_keys();
    if (!made) return fail(made.error());
    keys = std::move(*made);
  }
  keys.group_secret = *secret;
  for (auto& wiring : plan.wiring) {
    wiring.keys = keys;
    for (std::uint32_t machine = 0; machine < wiring.machines.size(); ++machine) {
      wiring.machines[machine].endpoint = for_machine(pattern, machine);
    }
  }
  return {};
}

}  // namespace mvm::run
