// SPDX-License-Identifier: Apache-2.0
#include "vm_mailbox.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace mvm::queue {

VmMailbox::VmMailbox() : bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void VmMailbox::link_connected() {
  {
    const std::scoped_lock lock(mutex_);
    mail_.link_connected = true;
  }
  ring();
}

void VmMailbox::link_failed(Error error) {
  {
    const std::scoped_lock lock(mutex_);
    mail_.link_error = std::move(error);
  }
  ring();
}

void VmMailbox::link_settled() {
  ring();
}

void VmMailbox::door_said(std::vector<control::OutsideReply> replies) {
  {
    const std::scoped_lock lock(mutex_);
    std::ranges::move(replies, std::back_inserter(mail_.replies));
  }
  ring();
}

void VmMailbox::ring() {
  ::eventfd_write(bell_.get(), 1);
}

VmMailbox::Mail VmMailbox::take() {
  eventfd_t count = 0;
  ::eventfd_read(bell_.get(), &count);
  const std::scoped_lock lock(mutex_);
  return std::exchange(mail_, {});
}

}  // namespace mvm::queue
