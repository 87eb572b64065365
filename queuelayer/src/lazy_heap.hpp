// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace mvm::queue {

/// A binary heap of entries that may become void while they are in it: whoever looks at the top
/// skips those, and `prune` throws them out when they have become too many. It keeps its memory.
/// `Before(a, b)`: a comes out before b.
template <typename Entry, typename Before>
class LazyHeap {
 public:
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] const Entry& top() const { return entries_.front(); }

  void push(const Entry& entry) {
    entries_.push_back(entry);
    std::push_heap(entries_.begin(), entries_.end(), after);
  }
  void pop() {
    std::pop_heap(entries_.begin(), entries_.end(), after);
    entries_.pop_back();
  }

  /// Keeps what `holds(entry)`.
  template <typename Holds>
  void prune(Holds&& holds) {
    std::erase_if(entries_, [&](const Entry& entry) { return !holds(entry); });
    std::make_heap(entries_.begin(), entries_.end(), after);
  }

 private:
  static bool after(const Entry& a, const Entry& b) { return Before()(b, a); }

  std::vector<Entry> entries_;
};

}  // namespace mvm::queue
