// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/belongings.hpp>

#include <filesystem>
#include <system_error>

namespace mvm::queue {

namespace fs = std::filesystem;

Belongings Belongings::of(const WiringPlan& plan) {
  return {plan.work_directory, socket_path(plan.machines[plan.machine].endpoint), plan.door};
}

void Belongings::remove() const {
  std::error_code ignored;
  if (!work_directory.empty()) {
    fs::remove_all(work_directory, ignored);
    // Other machines of this host may still have theirs in it.
    fs::remove(fs::path(work_directory).parent_path(), ignored);
  }
  for (const auto& socket : {link_socket, door}) {
    if (socket.empty()) continue;
    fs::remove(socket, ignored);
    fs::remove(fs::path(socket).parent_path(), ignored);
  }
}

std::string Belongings::to_text() const {
  return text(work_directory, '\0', link_socket, '\0', door);
}

Belongings Belongings::from_text(std::string_view words) {
  const auto first = words.find('\0');
  const auto second = words.find('\0', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return {};
  return {std::string(words.substr(0, first)),
          std::string(words.substr(first + 1, second - first - 1)),
          std::string(words.substr(second + 1))};
}

std::string socket_path(std::string_view endpoint) {
  constexpr std::string_view kScheme = "ipc://";
  return endpoint.starts_with(kScheme) ? std::string(endpoint.substr(kScheme.size()))
                                       : std::string();
}

}  // namespace mvm::queue
