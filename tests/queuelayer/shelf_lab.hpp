// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/shelf_reader.hpp>
#include <mvm/queuelayer/shelf_writer.hpp>
#include <mvm/queuelayer/waiter.hpp>

#include "edge_plan.hpp"

namespace mvm::queue {

using std::chrono::hours;
using std::chrono::minutes;

/// A shelf for these tests whatever the policies: a queue that could be a ring is made one that
/// could not, by a time to live that no test outlives.
inline QueueSpec on_shelf(QueueSpec queue) {
  if (queue.type == QueueType::kFifo && queue.time_to_live.count() == 0) {
    queue.time_to_live = hours(24 * 365 * 100);
  }
  return queue;
}

/// A channel of kind kShelf from task 0 to `receivers` others. Its clock is moved by the test, in
/// steps of hours, so that nothing depends on how fast the test is.
class ShelfLab {
 public:
  explicit ShelfLab(QueueSpec queue, std::uint32_t receivers = 1, RankRule rank = {})
      : arena_(make(on_shelf(std::move(queue)), receivers)),
        heap_(arena_, arena_.endpoint(0)),
        writer_(std::make_unique<ShelfWriter>(arena_, 0, heap_, std::move(rank))) {
    for (std::uint32_t r = 1; r <= receivers; ++r) {
      readers_.push_back(std::make_unique<ShelfReader>(arena_, 0, r));
    }
  }
  const Arena& arena() const { return arena_; }
  ChannelRecord& record() { return arena_.channel(0); }
  SenderHeap& heap() { return heap_; }
  ShelfWriter& writer() { return *writer_; }
  ShelfReader& reader(std::size_t i = 0) { return *readers_[i]; }
  std::size_t readers() const { return readers_.size(); }
  ShelfSlot& slot(std::uint32_t i) {
    return reinterpret_cast<ShelfSlot*>(arena_.base() + record().slots)[i];
  }
  std::int64_t now() const { return group_now_ns(arena_.header().clock); }
  void advance(Duration time) { arena_.header().clock.offset_ns -= time.count(); }

  Sent send(const std::string& bytes, MessageTerms terms = {}) {
    return writer().send(bytes.data(), bytes.size(), 0, terms);
  }
  ShelfMessage take(std::size_t i = 0) {
    ShelfMessage message;
    EXPECT_EQ(reader(i).take(message), Taken::kPiece);
    return message;
  }
  void give_back(const ShelfMessage& message, std::size_t i = 0) {
    reader(i).give_back(message.slot, message.number);
  }
  /// The next message, given back; nothing when there is none now.
  std::optional<std::string> receive(std::size_t i = 0) {
    ShelfMessage message;
    if (reader(i).take(message) != Taken::kPiece) return {};
    auto bytes = std::string(reinterpret_cast<const char*>(message.data), message.length);
    give_back(message, i);
    return bytes;
  }
  /// All that can be received now, one after the other.
  std::vector<std::string> drain() {
    std::vector<std::string> all;
    while (const auto bytes = receive()) all.push_back(*bytes);
    return all;
  }
  std::uint64_t drops(DropCause cause) {
    const auto i = static_cast<std::uint32_t>(cause);
    return record().sender_drops[i] + record().receiver_drops[i];
  }
  std::uint64_t all_drops() {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < kDropCauses; ++i) sum += drops(static_cast<DropCause>(i));
    return sum;
  }
  /// Messages that are neither received nor dropped.
  std::uint64_t there() {
    std::uint64_t count = 0;
    for (std::uint32_t i = 0; i < record().slot_count; ++i) {
      if (!stamp_is_done(slot(i).stamp)) ++count;
    }
    return count;
  }
  void expect_sums() {
    EXPECT_EQ(record().enqueued, record().dequeued + record().relayed + all_drops() + there());
  }

 private:
  static Arena make(const QueueSpec& queue, std::uint32_t receivers) {
    std::vector<std::uint32_t> tasks(receivers);
    std::iota(tasks.begin(), tasks.end(), 1);
    auto plan = plan_of(receivers + 1, {{0, tasks, queue}});
    plan.plugins = {{"a rule of the test's own", "/nowhere.so"}};
    auto arena = Arena::create(plan);
    if (!arena) throw std::runtime_error(arena.error().message);
    if (arena->channel(0).kind != ChannelKind::kShelf) throw std::runtime_error("not a shelf");
    return std::move(*arena);
  }

  Arena arena_;
  SenderHeap heap_;
  std::unique_ptr<ShelfWriter> writer_;
  std::vector<std::unique_ptr<ShelfReader>> readers_;
};

using Texts = std::vector<std::string>;

}  // namespace mvm::queue
