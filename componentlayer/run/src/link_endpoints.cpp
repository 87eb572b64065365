// SPDX-License-Identifier: GPL-3.0-or-later
#include "link_endpoints.hpp"

#include <mvm/base/file.hpp>

#include "group_secret.hpp"

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

namespace {

/// True when a channel between two machines is to be carried by sockets of our own.
bool wants_direct_links(const model::Plan& plan) {
  for (const auto& wiring : plan.wiring) {
    for (const auto& channel : wiring.channels) {
      if (channel.queue.transport != queue::Transport::kTcp) continue;
      if (channel.sender_machine != wiring.machine) return true;
      for (const auto machine : channel.receiver_machines) {
        if (machine != wiring.machine) return true;
      }
    }
  }
  return false;
}

Result<void> check_tells_apart(std::string_view option, const std::string& pattern) {
  if (for_machine(pattern, 0) != for_machine(pattern, 1)) return {};
  return fail(ErrorCode::kUsage, "the ", option, " '", pattern,
              "' is the same for every machine; write {machine} where they differ");
}

}  // namespace

Result<void> choose_link_endpoints(model::Plan& plan, const LaunchSettings& settings) {
  const auto secret = make_group_secret();
  if (!secret) return fail(secret.error());
  for (auto& wiring : plan.wiring) wiring.secret = *secret;
  if (plan.wiring.size() < 2) return {};
  const bool direct_links = wants_direct_links(plan);
  const bool one_host = settings.endpoint.empty();
  auto pattern = settings.endpoint;
  auto direct = settings.direct_endpoint;
  if (one_host) {
    const auto folder = "ipc://" + (runtime_folder() / plan.group).string();
    pattern = folder + "/{name}";
    direct = folder + "/{name}.direct";
  } else {
    if (auto good = check_tells_apart("endpoint", pattern); !good) return good;
    if (direct_links && direct.empty()) {
      return fail(ErrorCode::kUsage,
                  "a queue has transport=\"tcp\", so --endpoint needs beside it "
                  "--direct-endpoint 'tcp://ADDRESS:PORT' with {machine}, where each machine "
                  "listens for direct links");
    }
    if (direct_links) {
      if (auto good = check_tells_apart("direct endpoint", direct); !good) return good;
    }
  }
  for (auto& wiring : plan.wiring) {
    for (std::uint32_t machine = 0; machine < wiring.machines.size(); ++machine) {
      wiring.machines[machine].endpoint = for_machine(pattern, machine);
      if (direct_links) wiring.machines[machine].direct = for_machine(direct, machine);
    }
  }
  return {};
}

}  // namespace mvm::run
