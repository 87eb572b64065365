// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <optional>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/base/unique_fd.hpp>
#include <mvm/queuelayer/control_protocol.hpp>

namespace mvm::queue {

/// What the threads of the link and of the door tell the queue VM's main thread, which sleeps in
/// `poll`.
class VmMailbox {
 public:
  VmMailbox();

  // Any thread.
  void link_connected();
  void link_failed(Error error);
  void link_settled();
  void door_said(std::vector<control::OutsideReply> replies);

  // The main thread.

  struct Mail {
    bool link_connected = false;
    std::optional<Error> link_error;  ///< the last
    std::vector<control::OutsideReply> replies;
  };
  /// Readable while there is mail.
  [[nodiscard]] int descriptor() const { return bell_.get(); }
  /// What came since the last call.
  [[nodiscard]] Mail take();

 private:
  void ring();

  UniqueFd bell_;  ///< an eventfd
  std::mutex mutex_;
  Mail mail_;
};

}  // namespace mvm::queue
