// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "edge_plan.hpp"
#include "queue_ends.hpp"

namespace mvm::queue {

#if defined(__SANITIZE_THREAD__)
inline constexpr std::uint64_t kScale = 10;  ///< as many times fewer rounds
#else
inline constexpr std::uint64_t kScale = 1;
#endif

/// One channel from task 0 to `receivers` others.
class Lab {
 public:
  Lab(std::uint32_t receivers, QueueSpec queue)
      : arena_(make(receivers, queue)),
        heap_(arena_, arena_.endpoint(0)),
        sender_(arena_, 0, heap_) {
    for (std::uint32_t r = 1; r <= receivers; ++r) {
      receivers_.push_back(std::make_unique<BlockingReceiver>(arena_, 0, r));
    }
  }
  const Arena& arena() const { return arena_; }
  SenderHeap& heap() { return heap_; }
  BlockingSender& sender() { return sender_; }
  QueueWriter& writer() { return sender_.writer(); }
  BlockingReceiver& receiver(std::size_t i = 0) { return *receivers_[i]; }
  QueueReader& reader(std::size_t i = 0) { return receivers_[i]->reader(); }
  void give_back(const Piece& piece, std::size_t i = 0) {
    reader(i).give_back(piece.cookie, piece.more);
  }
  /// Messages that were given back.
  std::uint64_t received() { return arena_.channel(0).dequeued; }
  std::size_t receivers() const { return receivers_.size(); }
  std::byte* tape() { return arena_.base() + arena_.channel(0).tape; }
  void write(const std::string& bytes) {
    ASSERT_TRUE(writer().ready(bytes.size()));
    ASSERT_EQ(writer().send(bytes.data(), bytes.size(), 0, {}), Sent::kDone);
  }
  Piece take(std::size_t i = 0) {
    Piece piece;
    EXPECT_EQ(reader(i).take(piece), Taken::kPiece);
    return piece;
  }

 private:
  static Arena make(std::uint32_t receivers, QueueSpec queue) {
    std::vector<std::uint32_t> tasks(receivers);
    std::iota(tasks.begin(), tasks.end(), 1);
    auto arena = Arena::create(plan_of(receivers + 1, {{0, tasks, queue}}));
    if (!arena) throw std::runtime_error(arena.error().message);
    return std::move(*arena);
  }

  Arena arena_;
  SenderHeap heap_;
  BlockingSender sender_;
  std::vector<std::unique_ptr<BlockingReceiver>> receivers_;
};

inline std::string bytes_of(const Piece& piece) {
  return {reinterpret_cast<const char*>(piece.data), piece.length};
}

}  // namespace mvm::queue
