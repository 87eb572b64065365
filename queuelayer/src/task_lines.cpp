// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/task_lines.hpp>

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <array>
#include <utility>

#include <mvm/queuelayer/line_handover.hpp>

namespace mvm::queue {
namespace {

/// Up to so many lines are read one by one in a look, and watched only while a thread sleeps: each
/// arrival at a socket that is watched costs its sender time.
constexpr std::size_t kReadUnasked = 2;

/// The attendant is no place for the handlers of the job.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

void watch_also(const UniqueFd& set, int fd, std::uint32_t events, void* what) {
  epoll_event event{.events = events, .data = {.ptr = what}};
  ::epoll_ctl(set.get(), EPOLL_CTL_ADD, fd, &event);
}

}  // namespace

TaskLines::TaskLines(const Arena& arena, EndpointRecord& endpoint)
    : arena_(arena),
      endpoint_(endpoint),
      events_(::epoll_create1(EPOLL_CLOEXEC)),
      arrivals_(::epoll_create1(EPOLL_CLOEXEC)),
      end_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  watch_also(events_, end_.get(), EPOLLIN, &end_);
  watch_also(events_, alarm_.descriptor(), EPOLLIN, &alarm_);
  watch_also(events_, arrivals_.get(), 0, &arrivals_);
}

TaskLines::~TaskLines() {
  ending_ = true;
  ::eventfd_write(end_.get(), 1);
  if (!thread_.joinable()) return;
  thread_.join();
  endpoint_.attendants.fetch_sub(1, std::memory_order_relaxed);
}

DirectLine& TaskLines::add(UniqueFd socket) {
  lines_.push_back(std::make_unique<DirectLine>(arena_, std::move(socket), alarm_));
  DirectLine& line = *lines_.back();
  watch_also(events_, line.descriptor(), EPOLLRDHUP, &line);
  return line;
}

void TaskLines::start() {
  const SignalsBlocked blocked;
  endpoint_.attendants.fetch_add(1, std::memory_order_relaxed);
  if (lines_.size() > kReadUnasked) watch_arrivals();
  thread_ = std::thread([this] { attend(); });
}

void TaskLines::look() {
  for (const auto& line : lines_) {
    if (line->has_unsent()) line->pump();
  }
  const bool moved = read_lines();
  for (const auto& line : lines_) line->tell(false);
  if (moved) ring(endpoint_);  // it may be another thread's
}

/// Of many it is asked first which have something.
bool TaskLines::read_lines() {
  bool moved = false;
  if (lines_.size() <= kReadUnasked) {
    for (const auto& line : lines_) moved |= line->look();
    return moved;
  }
  std::array<epoll_event, kMostLinesOfTask> events;
  const int count = ::epoll_wait(arrivals_.get(), events.data(), events.size(), 0);
  for (int i = 0; i < count; ++i) {
    moved |= static_cast<DirectLine*>(events[static_cast<std::size_t>(i)].data.ptr)->look();
  }
  return moved;
}

void TaskLines::before_sleep() {
  for (const auto& line : lines_) line->tell(true);
  const std::scoped_lock lock(watching_);
  watch_arrivals();
  epoll_event event{.events = EPOLLIN | EPOLLONESHOT, .data = {.ptr = &arrivals_}};
  ::epoll_ctl(events_.get(), EPOLL_CTL_MOD, arrivals_.get(), &event);
}

/// Of one that is over, the end would be told again and again.
void TaskLines::watch_arrivals() {
  const bool begins = !std::exchange(watches_, true);
  for (const auto& line : lines_) {
    if (line->is_over()) {
      ::epoll_ctl(arrivals_.get(), EPOLL_CTL_DEL, line->descriptor(), nullptr);
    } else if (begins) {
      watch_also(arrivals_, line->descriptor(), EPOLLIN, line.get());
    }
  }
}

/// Another thread that sleeps is rung, and watches again.
void TaskLines::after_sleeps() {
  if (lines_.size() > kReadUnasked) return;
  const std::scoped_lock lock(watching_);
  if (!std::exchange(watches_, false)) return;
  for (const auto& line : lines_) {
    ::epoll_ctl(arrivals_.get(), EPOLL_CTL_DEL, line->descriptor(), nullptr);
  }
  ring(endpoint_);
}

void TaskLines::attend() {
  std::array<epoll_event, 16> events;
  while (!ending_) {
    const int count = ::epoll_wait(events_.get(), events.data(), events.size(), -1);
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      if (event.data.ptr == &end_) return;
      if (event.data.ptr == &alarm_) {
        serve();
      } else if (event.data.ptr == &arrivals_) {
        ring(endpoint_);
      } else {
        on_event(*static_cast<DirectLine*>(event.data.ptr), event.events);
      }
    }
  }
}

void TaskLines::serve() {
  alarm_.reset();
  for (const auto& line : lines_) {
    if (line->has_unsent()) line->pump();
    line->tell_in_time();
    if (line->is_stuck()) watch(*line, EPOLLRDHUP | EPOLLOUT);
  }
}

void TaskLines::on_event(DirectLine& line, std::uint32_t events) {
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    // What came before is all there, and its sender waits to hear how much that was.
    line.on_hang_up();
    while (line.look() && !line.is_over()) continue;
    ::epoll_ctl(events_.get(), EPOLL_CTL_DEL, line.descriptor(), nullptr);
    return ring(endpoint_);
  }
  line.pump();
  if (!line.is_stuck()) watch(line, EPOLLRDHUP);
}

void TaskLines::watch(DirectLine& line, std::uint32_t events) {
  epoll_event event{.events = events, .data = {.ptr = &line}};
  ::epoll_ctl(events_.get(), EPOLL_CTL_MOD, line.descriptor(), &event);
}

}  // namespace mvm::queue
