// SPDX-License-Identifier: Apache-2.0
#include "link_watcher.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <array>

#include <mvm/queuelayer/waiter.hpp>

namespace mvm::queue {

Result<std::unique_ptr<LinkWatcher>> LinkWatcher::start(EndpointRecord& bell) {
  std::unique_ptr<LinkWatcher> watcher(new LinkWatcher(bell));
  watcher->events_.reset(::epoll_create1(EPOLL_CLOEXEC));
  watcher->end_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!watcher->events_ || !watcher->end_) return fail(system_error("watch the link's sockets"));
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  ::epoll_ctl(watcher->events_.get(), EPOLL_CTL_ADD, watcher->end_.get(), &event);
  watcher->thread_ = std::thread([w = watcher.get()] { w->run(); });
  return watcher;
}

LinkWatcher::~LinkWatcher() {
  ending_ = true;
  set_duty(true);
  ::eventfd_write(end_.get(), 1);
  if (thread_.joinable()) thread_.join();
}

Result<void> LinkWatcher::watch(int fd, For what, std::atomic<bool>& flag) {
  epoll_event event{.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data = {.ptr = &flag}};
  if (what == For::kReadingAndWriting) event.events |= EPOLLOUT;
  if (::epoll_ctl(events_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return {};
  return fail(system_error("watch a socket of the link"));
}

void LinkWatcher::forget(int fd) {
  ::epoll_ctl(events_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void LinkWatcher::look() {
  take_events(0);
}

void LinkWatcher::set_duty(bool on) {
  on_duty_.store(on, std::memory_order_release);
  if (on) on_duty_.notify_one();
}

/// One that is woken after its duty ended has told nobody in vain: flags are looked at before a
/// sleep.
void LinkWatcher::run() {
  while (!ending_) {
    on_duty_.wait(false, std::memory_order_acquire);
    if (take_events(-1)) ring(bell_);
  }
}

bool LinkWatcher::take_events(int timeout_ms) {
  std::array<epoll_event, 16> events;
  const int count = ::epoll_wait(events_.get(), events.data(), events.size(), timeout_ms);
  for (int i = 0; i < count; ++i) {
    auto* flag = static_cast<std::atomic<bool>*>(events[static_cast<std::size_t>(i)].data.ptr);
    if (flag != nullptr) flag->store(true, std::memory_order_release);
  }
  return count > 0;
}

}  // namespace mvm::queue
