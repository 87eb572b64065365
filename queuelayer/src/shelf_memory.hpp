// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>

#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/arena_layout.hpp>

namespace mvm::queue {

/// Where the parts of a shelf are mapped. They are looked up once, and with care: the record lies
/// in memory that every task of the group can write. Copied, so that a later change does no harm.
class ShelfMemory {
 public:
  ShelfMemory(const Arena& arena, std::uint32_t channel) {
    const ChannelRecord& record = arena.channel(channel);
    const std::uint64_t count = record.slot_count;
    const auto at = [&arena](Offset offset, std::uint64_t bytes, std::uint64_t aligned) {
      return offset % aligned == 0 ? arena.find(offset, bytes) : nullptr;
    };
    auto* slots = at(record.slots, count * sizeof(ShelfSlot), alignof(ShelfSlot));
    auto* announced = at(record.announced, count * sizeof(Entry), alignof(Entry));
    auto* returned = at(record.returned, 2 * count * sizeof(Entry), alignof(Entry));
    if (slots == nullptr || announced == nullptr || returned == nullptr) return;
    if (!std::has_single_bit(count) || count > kStampStates) return;
    slots_ = reinterpret_cast<ShelfSlot*>(slots);
    announced_ = reinterpret_cast<Entry*>(announced);
    returned_ = reinterpret_cast<Entry*>(returned);
    slot_count_ = static_cast<std::uint32_t>(count);
  }

  using Entry = std::atomic<std::uint64_t>;

  /// False when the record was overwritten before this end was made.
  [[nodiscard]] bool valid() const { return slot_count_ > 0; }
  [[nodiscard]] std::uint32_t slot_count() const { return slot_count_; }
  [[nodiscard]] ShelfSlot& slot(std::uint32_t number) const { return slots_[number]; }
  /// Where message n is announced.
  [[nodiscard]] Entry& announced(std::uint64_t n) const {
    return announced_[n & (slot_count_ - 1)];
  }
  /// Where the i-th return is told, i from 1.
  [[nodiscard]] Entry& returned(std::uint64_t i) const {
    return returned_[i & (2 * std::uint64_t{slot_count_} - 1)];
  }

 private:
  ShelfSlot* slots_ = nullptr;
  Entry* announced_ = nullptr;
  Entry* returned_ = nullptr;
  std::uint32_t slot_count_ = 0;
};

/// An entry of `announced` or `returned`: the number of a message or of a return, and a slot.
inline std::uint64_t entry_of(std::uint64_t number, std::uint32_t slot) {
  return number << kStampShift | slot;
}
inline std::uint32_t slot_of_entry(std::uint64_t entry) {
  return static_cast<std::uint32_t>(entry & kStampStates);
}
/// How far the number in an entry or a stamp, of which 40 bits are there, is ahead of `number`.
inline std::int64_t ahead_of(std::uint64_t number, std::uint64_t entry) {
  const auto difference = (entry & ~kStampStates) - (number << kStampShift);
  return static_cast<std::int64_t>(difference) >> kStampShift;
}

}  // namespace mvm::queue
