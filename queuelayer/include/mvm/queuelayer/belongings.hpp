// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::queue {

/// What a queue VM has in the file system, and what must not outlive it. Removed by the queue VM
/// itself, or by its guardian when it was killed.
struct Belongings {
  std::string work_directory;  ///< with all in it; its parent too when that is empty then
  std::string link_socket;     ///< and the folder of the group's sockets when that is empty then
  std::string door;            ///< likewise; made by the starter
  std::string direct_socket;   ///< likewise; of direct links

  [[nodiscard]] static Belongings of(const WiringPlan& plan);

  /// Idempotent; what is not there is not missed.
  void remove() const;

  /// One text, to be told to another process.
  [[nodiscard]] std::string to_text() const;
  [[nodiscard]] static Belongings from_text(std::string_view words);

  bool operator==(const Belongings&) const = default;
};

/// The path of a unix socket's endpoint, "ipc:///run/…"; empty for any other endpoint.
[[nodiscard]] std::string socket_path(std::string_view endpoint);

}  // namespace mvm::queue
