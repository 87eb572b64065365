// SPDX-License-Identifier: GPL-3.0-or-later
#include "link_endpoints.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <mvm/base/file.hpp>

#include "link_keys.hpp"

namespace mvm::run {

namespace fs = std::filesystem;

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

Result<LinkEndpoints> LinkEndpoints::choose(model::Plan& plan, const LaunchSettings& settings) {
  LinkEndpoints endpoints;
  if (plan.wiring.size() < 2) return endpoints;
  queue::LinkKeys keys;
  std::string pattern = settings.endpoint;
  if (pattern.empty()) {
    const auto base = runtime_folder();
    if (auto made = make_folder(base, true); !made) return fail(made.error());
    endpoints.folder_ = base / plan.group;
    if (auto made = make_folder(endpoints.folder_, true); !made) return fail(made.error());
    endpoints.lock_.reset(::open(endpoints.folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ::flock(endpoints.lock_.get(), LOCK_EX | LOCK_NB);
    pattern = "ipc://" + (endpoints.folder_ / "{name}").string();
  } else {
    if (for_machine(pattern, 0) == for_machine(pattern, 1)) {
      return fail(ErrorCode::kUsage, "the endpoint '", pattern,
                  "' is the same for every machine; write {machine} where they differ");
    }
    auto made = make_link_keys();
    if (!made) return fail(made.error());
    keys = std::move(*made);
  }
  for (auto& wiring : plan.wiring) {
    wiring.keys = keys;
    for (std::uint32_t machine = 0; machine < wiring.machines.size(); ++machine) {
      wiring.machines[machine].endpoint = for_machine(pattern, machine);
    }
  }
  return endpoints;
}

void LinkEndpoints::all_connected() {
  if (folder_.empty()) return;
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
  folder_.clear();
  lock_.reset();
}

}  // namespace mvm::run
