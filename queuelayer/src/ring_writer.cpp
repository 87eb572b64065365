// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/ring_writer.hpp>

#include <algorithm>
#include <cassert>

namespace mvm::queue {
namespace {

std::uint64_t in_lines(std::uint64_t length) {
  return (length + kLine - 1) / kLine * kLine;
}

/// Looks at the receiver this often before deciding that it lags: a few microseconds.
constexpr int kLooksForReceiver = 64;

}  // namespace

RingWriter::RingWriter(const Arena& arena, std::uint32_t channel, SenderHeap& heap)
    : arena_(arena),
      heap_(heap),
      channel_(&arena.channel(channel)),
      slots_(reinterpret_cast<Slot*>(arena.base() + channel_->slots)),
      data_(arena.base() + channel_->data),
      data_size_(channel_->data_size),
      slot_count_(channel_->slot_count),
      receiver_(&arena.endpoint(arena.list<std::uint32_t>(channel_->receivers).front())),
      fragments_(std::make_unique<Fragment[]>(slot_count_)) {}

RingWriter::~RingWriter() {
  for (; reclaimed_ < head_; ++reclaimed_) {
    SharedBlock* shared = fragments_[reclaimed_ & (slot_count_ - 1)].shared;
    if (shared != nullptr) drop_hold(*shared);
  }
}

bool RingWriter::write_out_of_line(const void* data, std::uint64_t length, std::uint32_t type) {
  if (length > kFragment) {
    if (!begin(length, type)) return false;
    append(data, length);
    return true;
  }
  Fragment fragment{.message_bytes = length, .last = true};
  std::byte* memory = allocate_data(length);
  if (memory == nullptr) {
    const auto at = heap_.allocate(length);
    if (!at) return false;
    memory = arena_.base() + *at;
    fragment.heap_at = *at;
    fragment.heap_length = length;
  }
  std::memcpy(memory, data, length);
  publish_out_of_line(static_cast<Offset>(memory - arena_.base()), length, length, type, fragment);
  return true;
}

void RingWriter::publish_out_of_line(Offset at, std::uint64_t length, std::uint64_t message_length,
                                     std::uint32_t kind, Fragment fragment) {
  Slot& slot = next_slot();
  slot.length = static_cast<std::uint32_t>(length);
  slot.kind = kind | kOutOfLine;
  slot.out_of_line.at = at;
  slot.out_of_line.message_length = message_length;
  fragment.data_end = data_head_;
  publish(slot, fragment);
}

void RingWriter::write_shared(SharedBlock& block, std::uint32_t type) {
  ++block.holds;
  publish_out_of_line(block.at, block.length, block.length, type,
                      {.message_bytes = block.length, .last = true, .shared = &block});
}

void RingWriter::drop_hold(SharedBlock& block) {
  if (--block.holds > 0) return;
  heap_.free(block.at, block.length);
  delete &block;
}

void RingWriter::drop(std::uint64_t length) {
  count(length);
  auto& drops = channel_->sender_drops[static_cast<std::size_t>(DropCause::kOverflow)];
  drops.store(drops.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

/// More messages are in flight, as far as this end knows, than ever before.
void RingWriter::note_depth() {
  reclaim();
  if (messages_ > high_water_) {
    high_water_ = messages_;
    channel_->high_water.store(high_water_, std::memory_order_relaxed);
  }
  watched_ = std::max(high_water_, kSampledDepth);
}

std::byte* RingWriter::reserve(std::uint64_t length) {
  const auto at = heap_.allocate(length);
  if (!at) return nullptr;
  ++messages_;
  ++loans_;
  bytes_ += length;
  return arena_.base() + *at;
}

void RingWriter::send_reserved(std::byte* memory, std::uint64_t length, std::uint32_t type) {
  // It was counted by `reserve`, and `publish` counts again.
  --messages_;
  --loans_;
  bytes_ -= length;
  const auto at = static_cast<Offset>(memory - arena_.base());
  publish_out_of_line(
      at, length, length, type,
      {.heap_at = at, .heap_length = length, .message_bytes = length, .last = true});
}

void RingWriter::cancel(std::byte* memory, std::uint64_t length) {
  --messages_;
  --loans_;
  bytes_ -= length;
  heap_.free(static_cast<Offset>(memory - arena_.base()), length);
}

bool RingWriter::begin(std::uint64_t length, std::uint32_t type) {
  // Room for all of it first: a message that has begun must be able to end without the receiver.
  const auto size = streaming_size(length);
  const auto at = heap_.allocate(size);
  if (!at) return false;
  streaming_ = {.length = length,
                .left = length,
                .type = type,
                .heap_at = *at,
                .heap_size = in_lines(size),
                .heap_used = 0,
                .gathering = 0};
  return true;
}

void RingWriter::append(const void* data, std::uint64_t length) {
  assert(length <= streaming_.left);
  const auto* bytes = static_cast<const std::byte*>(data);
  while (length > 0) {
    std::uint64_t done = append_to_data_area(bytes, length);
    if (done == 0) done = append_to_heap(bytes, length);
    bytes += done;
    length -= done;
  }
}

/// One fragment by way of the data area; 0 when the receiver lags and the heap is to be used.
std::uint64_t RingWriter::append_to_data_area(const std::byte* data, std::uint64_t length) {
  if (streaming_.gathering > 0) return 0;  // what gathers in the heap comes first
  const auto piece = std::min(length, kFragment);
  const bool last = piece == streaming_.left;
  const auto allocate = [&] { return last || spare_slots() ? allocate_data(piece) : nullptr; };
  std::byte* memory = allocate();
  if (memory == nullptr && receiver_keeps_up()) memory = allocate();
  if (memory == nullptr) return 0;
  std::memcpy(memory, data, piece);
  streaming_.left -= piece;
  if (last) give_unused_heap_back();
  publish_out_of_line(static_cast<Offset>(memory - arena_.base()), piece, streaming_.length,
                      streaming_.type | (last ? 0 : kMoreFollows),
                      {.message_bytes = last ? streaming_.length : 0, .last = last});
  return piece;
}

/// Gathers bytes in the heap, and publishes them as a fragment when they are many enough and a slot
/// can be spared, or when they are the end of the message.
std::uint64_t RingWriter::append_to_heap(const std::byte* data, std::uint64_t length) {
  auto& s = streaming_;
  const auto wanted = s.gathering < kHeapFragment ? kHeapFragment - s.gathering : length;
  const auto piece = std::min(length, wanted);
  std::memcpy(arena_.base() + s.heap_at + s.heap_used, data, piece);
  s.heap_used += piece;
  s.gathering += piece;
  s.left -= piece;
  const bool last = s.left == 0;
  if (!last && s.gathering >= kHeapFragment && !spare_slots()) reclaim();
  if (last || (s.gathering >= kHeapFragment && spare_slots())) {
    const auto length_published = s.gathering;
    const Offset at = s.heap_at + s.heap_used - length_published;
    s.heap_used = in_lines(s.heap_used);
    s.gathering = 0;
    if (last) give_unused_heap_back();
    publish_out_of_line(at, length_published, s.length, s.type | (last ? 0 : kMoreFollows),
                        {.heap_at = at,
                         .heap_length = length_published,
                         .message_bytes = last ? s.length : 0,
                         .last = last});
  }
  return piece;
}

void RingWriter::give_unused_heap_back() {
  const auto unused = streaming_.heap_size - streaming_.heap_used;
  if (unused > 0) heap_.free(streaming_.heap_at + streaming_.heap_used, unused);
}

void RingWriter::close() {
  channel_->sender_closed.store(1, std::memory_order_release);
  ring(*receiver_);
}

/// The data area is used like a tape that wraps; a block is never split. When nothing is in it, it
/// starts at its beginning again, so that a queue that keeps up lives in the same few cache lines.
std::byte* RingWriter::allocate_data(std::uint64_t length) {
  const auto size = in_lines(length);
  const auto start = data_start(size);
  if (data_head_ == data_tail_) data_tail_ = start;
  if (start + size - data_tail_ > data_size_) return nullptr;
  data_head_ = start + size;
  return data_ + start % data_size_;
}

bool RingWriter::receiver_keeps_up() {
  const auto before = reclaimed_;
  for (int look = 0; look < kLooksForReceiver; ++look) {
    reclaim();
    if (reclaimed_ != before) return true;
    pause_core();
  }
  return false;
}

void RingWriter::reclaim() {
  auto released = channel_->released.load(std::memory_order_acquire);
  // A receiver that is gone holds nothing any more; one that claims more than was sent is broken,
  // and what it says is not acted upon.
  if (receiver_closed()) released = head_;
  if (released > head_) return;
  while (reclaimed_ < released) take_back(reclaimed_++);
}

void RingWriter::take_back(std::uint64_t n) {
  const Fragment& fragment = fragments_[n & (slot_count_ - 1)];
  data_tail_ = fragment.data_end;
  if (fragment.heap_length > 0) {
    return_to_host(arena_.base() + fragment.heap_at, fragment.heap_length);
    heap_.free(fragment.heap_at, fragment.heap_length);
  }
  if (fragment.shared != nullptr) drop_hold(*fragment.shared);
  if (fragment.last) {
    ++returned_;
    --messages_;
    bytes_ -= fragment.message_bytes;
  }
}

}  // namespace mvm::queue
