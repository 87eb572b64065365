// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <mvm/base/result.hpp>
#include <mvm/base/unique_fd.hpp>
#include <mvm/queuelayer/belongings.hpp>

namespace mvm::queue {

/// The folder in which a unix socket's endpoint lies, which only this user may enter. The machines
/// of a group on one host share it, and the last to leave removes it.
class LinkSocketFolder {
 public:
  /// Makes the folder of "ipc://…"; nothing for other endpoints. Errors: kPermission when others
  /// may enter it. May be called again when another machine removed it in between.
  [[nodiscard]] Result<void> make(const std::string& endpoint);
  /// Removes the name of the socket, and the folder when it was the last.
  void remove();

 private:
  Belongings name_;
  UniqueFd lock_;  ///< tells that the folder is in use
};

/// How often to try again when the folder was gone before the socket was bound. Each failure means
/// that another queue VM came and went between two system calls of this one.
inline constexpr int kBindAttempts = 10;

}  // namespace mvm::queue
