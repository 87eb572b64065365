// SPDX-License-Identifier: Apache-2.0
#include "link_socket_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <filesystem>

#include <mvm/base/file.hpp>

namespace mvm::queue {

Result<void> LinkSocketFolder::make(const std::string& endpoint) {
  name_.link_socket = socket_path(endpoint);
  if (name_.link_socket.empty()) return {};
  const auto folder = std::filesystem::path(name_.link_socket).parent_path();
  if (auto made = mvm::make_folder(folder.parent_path(), true); !made) return made;
  if (auto made = mvm::make_folder(folder, true); !made) return made;
  lock_.reset(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ::flock(lock_.get(), LOCK_SH | LOCK_NB);
  return {};
}

void LinkSocketFolder::remove() {
  name_.remove();
}

}  // namespace mvm::queue
