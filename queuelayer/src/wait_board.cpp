// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/wait_board.hpp>

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include <mvm/queuelayer/waiter.hpp>

namespace mvm::queue {
namespace {

/// Not kept from one wait to the next: a child that was forked has another.
std::uint32_t own_thread() {
  return static_cast<std::uint32_t>(::syscall(SYS_gettid));
}

}  // namespace

void WaitNote::set(const WaitSubject& subject) {
  if (record_ == nullptr) {
    if (refused_) return;
    claim();
    if (record_ == nullptr) return;
  } else if (subject == written_) {
    return;
  }
  write(subject);
}

void WaitNote::claim() {
  const auto thread = own_thread();
  for (auto& record : endpoint_.wait) {
    std::uint32_t free = 0;
    if (record.thread.load(std::memory_order_relaxed) == 0 &&
        record.thread.compare_exchange_strong(free, thread, std::memory_order_acquire)) {
      record_ = &record;
      return;
    }
  }
  refused_ = true;
}

/// A sequence lock: the readers' side is `read`. The record's number is written with the first
/// subject and stays, because it is one wait for its reader as long as nothing came of it.
void WaitNote::write(const WaitSubject& subject) {
  WaitRecord& record = *record_;
  const auto round = record.writing.load(std::memory_order_relaxed);
  record.writing.store(round + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  auto number = record.number.load(std::memory_order_relaxed);
  if (number == 0) {
    number = endpoint_.waits.fetch_add(1, std::memory_order_relaxed) + 1;
    record.since_ns.store(group_now_ns(clock_), std::memory_order_relaxed);
    record.number.store(number, std::memory_order_relaxed);
  }
  record.kind.store(subject.kind, std::memory_order_relaxed);
  record.subject.store(subject.subject, std::memory_order_relaxed);
  record.channel.store(subject.channel, std::memory_order_relaxed);
  const bool exchanges = subject.kind == WaitKind::kExchange;
  record.size.store(exchanges ? subject.pending.size() : subject.size, std::memory_order_relaxed);
  for (const auto& operation : subject.pending) write(operation, number);
  record.seen.store(subject.seen, std::memory_order_relaxed);
  record.limited.store(subject.limited ? 1 : 0, std::memory_order_relaxed);
  record.writing.store(round + 2, std::memory_order_release);
  written_ = subject;
}

/// What was pending in earlier waits stays where it is: it has their numbers.
void WaitNote::write(const PendingOperation& operation, std::uint64_t number) {
  if (operation.port >= ports_.size()) return;
  PortRecord& port = ports_[operation.port];
  const bool sends = operation.kind == WaitKind::kSend;
  PendingRecord& record = sends ? port.pending_send : port.pending_receive;
  record.wait.store(number, std::memory_order_relaxed);
  record.channel.store(operation.channel, std::memory_order_relaxed);
  record.size.store(operation.size, std::memory_order_relaxed);
  record.seen.store(operation.seen, std::memory_order_relaxed);
}

void WaitNote::give_back() {
  const auto round = record_->writing.load(std::memory_order_relaxed);
  record_->writing.store(round + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  record_->number.store(0, std::memory_order_relaxed);
  record_->writing.store(round + 2, std::memory_order_release);
  record_->thread.store(0, std::memory_order_release);
}

namespace {

std::vector<PendingOperation> read_pending(std::span<const PortRecord> ports,
                                           std::uint64_t number) {
  std::vector<PendingOperation> pending;
  const auto add = [&](const PendingRecord& record, WaitKind kind, std::uint32_t port) {
    if (record.wait.load(std::memory_order_relaxed) != number) return;
    pending.push_back({.kind = kind,
                       .port = port,
                       .channel = record.channel.load(std::memory_order_relaxed),
                       .size = record.size.load(std::memory_order_relaxed),
                       .seen = record.seen.load(std::memory_order_relaxed)});
  };
  for (std::uint32_t port = 0; port < ports.size(); ++port) {
    add(ports[port].pending_receive, WaitKind::kReceive, port);
    add(ports[port].pending_send, WaitKind::kSend, port);
  }
  return pending;
}

std::optional<ReadWait> read(const WaitRecord& record, std::span<const PortRecord> ports) {
  ReadWait wait;
  wait.thread = record.thread.load(std::memory_order_acquire);
  if (wait.thread == 0) return {};
  const auto before = record.writing.load(std::memory_order_acquire);
  wait.number = record.number.load(std::memory_order_relaxed);
  wait.since_ns = record.since_ns.load(std::memory_order_relaxed);
  wait.subject = {.kind = record.kind.load(std::memory_order_relaxed),
                  .subject = record.subject.load(std::memory_order_relaxed),
                  .channel = record.channel.load(std::memory_order_relaxed),
                  .size = record.size.load(std::memory_order_relaxed),
                  .seen = record.seen.load(std::memory_order_relaxed),
                  .limited = record.limited.load(std::memory_order_relaxed) != 0,
                  .pending = {}};
  const bool exchanges = wait.subject.kind == WaitKind::kExchange;
  if (exchanges) wait.subject.pending = read_pending(ports, wait.number);
  std::atomic_thread_fence(std::memory_order_acquire);
  const auto after = record.writing.load(std::memory_order_relaxed);
  if (before != after || before % 2 != 0 || wait.number == 0) return {};
  // Fewer, when another thread exchanges at the same ports, which it must not.
  if (exchanges && wait.subject.size != wait.subject.pending.size()) return {};
  return wait;
}

/// A thread waits once. An older note is of a wait that it left without an end, by a jump.
void add_newest(std::vector<ReadWait>& waits, ReadWait&& wait) {
  const auto same = std::ranges::find(waits, wait.thread, &ReadWait::thread);
  if (same == waits.end()) {
    waits.push_back(std::move(wait));
  } else if (same->number < wait.number) {
    *same = std::move(wait);
  }
}

}  // namespace

std::vector<ReadWait> read_waits(const EndpointRecord& endpoint,
                                 std::span<const PortRecord> ports) {
  std::vector<ReadWait> waits;
  for (const auto& record : endpoint.wait) {
    if (auto wait = read(record, ports)) add_newest(waits, std::move(*wait));
  }
  return waits;
}

std::uint64_t seat_changes(const Seat& seat) {
  std::uint64_t changes = 0;
  for (const auto& contribution : seat.contributions) {
    changes += contribution.operation.load(std::memory_order_acquire);
  }
  return changes + seat.finished.load(std::memory_order_acquire) +
         seat.gone.load(std::memory_order_acquire);
}

}  // namespace mvm::queue
