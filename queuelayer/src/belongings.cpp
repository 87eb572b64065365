// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/belongings.hpp>

#include <filesystem>
#include <iterator>
#include <system_error>

namespace mvm::queue {

namespace fs = std::filesystem;

Belongings Belongings::of(const WiringPlan& plan) {
  const auto& own = plan.machines[plan.machine];
  return {plan.work_directory, socket_path(own.endpoint), plan.door, socket_path(own.direct)};
}

void Belongings::remove() const {
  std::error_code ignored;
  if (!work_directory.empty()) {
    fs::remove_all(work_directory, ignored);
    // Other machines of this host may still have theirs in it.
    fs::remove(fs::path(work_directory).parent_path(), ignored);
  }
  for (const auto& socket : {link_socket, direct_socket, door}) {
    if (socket.empty()) continue;
    fs::remove(socket, ignored);
    fs::remove(fs::path(socket).parent_path(), ignored);
  }
}

std::string Belongings::to_text() const {
  return text(work_directory, '\0', link_socket, '\0', door, '\0', direct_socket);
}

Belongings Belongings::from_text(std::string_view words) {
  Belongings read;
  std::string* const fields[] = {&read.work_directory, &read.link_socket, &read.door,
                                 &read.direct_socket};
  for (std::string* const field : fields) {
    const bool last = field == std::end(fields)[-1];
    const auto end = last ? words.size() : words.find('\0');
    if (end == std::string_view::npos) return {};
    *field = words.substr(0, end);
    words.remove_prefix(last ? end : end + 1);
  }
  return read;
}

std::string socket_path(std::string_view endpoint) {
  constexpr std::string_view kScheme = "ipc://";
  return endpoint.starts_with(kScheme) ? std::string(endpoint.substr(kScheme.size()))
                                       : std::string();
}

}  // namespace mvm::queue
