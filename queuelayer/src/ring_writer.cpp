// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/ring_writer.hpp>

#include <algorithm>
#include <cassert>

namespace mvm::queue {
namespace {

std::uint64_t in_lines(std::uint64_t length) {
  return (length + kLine - 1) / kLine * kLine;
}

/// With other processes, or with other fibers.
bool shares_core(const EndpointRecord& endpoint) {
  return endpoint.shares_core != 0 || endpoint.worker != 0;
}

/// Looks at the receiver this often before deciding that it lags: a few microseconds.
constexpr int kLooksForReceiver = 64;

}  // namespace

RingWriter::RingWriter(const Arena& arena, std::uint32_t channel, SenderHeap& heap)
    : arena_(arena),
      heap_(heap),
      channel_(&arena.channel(channel)),
      receiver_(&arena.endpoint(arena.list<std::uint32_t>(channel_->receivers).front())),
      tape_(arena.base() + channel_->tape),
      tape_size_(channel_->tape_size),
      capacity_(channel_->capacity),
      byte_capacity_(channel_->byte_capacity),
      lap_end_(tape_size_),
      look_step_(shares_core(arena.endpoint(channel_->sender)) ? kLookOnSharedCore
                                                               : kLookOnOwnCore),
      look_at_(look_step_) {
  grow();
  find_limits();
}

RingWriter::~RingWriter() {
  for (const auto& block : blocks_) {
    if (block.shared != nullptr) drop_hold(*block.shared);
  }
}

bool RingWriter::write(const void* data, std::uint64_t length, std::uint32_t type) {
  if (length > tape::kWholeBytes) return write_fragments(data, length, type);
  const auto form = tape::form_for(length);
  auto place = place_for(form, length);
  if (!fits(place)) {
    reclaim();
    place = place_for(form, length);
    if (!fits(place)) return write_elsewhere(data, length, type);
  }
  copy_in(form, place, data, length);
  publish(place, tape::published(form, type, length),
          {.message_bytes = static_cast<std::uint32_t>(length), .last = true, .elsewhere = false});
  return true;
}

void RingWriter::copy_in(tape::Form form, const Place& place, const void* data,
                         std::uint64_t length) const {
  if (length <= tape::kNearBytes) return fill_near(memory_at(place.at), data, length);
  note_message_length(place, length);
  std::memcpy(memory_at(tape::payload_at(form, place.at)), data, length);
}

/// Where there is no obvious room. When a long queue was full, its receiver is the slower one; it
/// is left alone for a moment, because each look at how far it is takes a line from it.
bool RingWriter::try_write_far(const void* data, std::uint64_t length, std::uint32_t type) {
  constexpr std::uint64_t kLong = 64;
  constexpr int kPauses = 16;
  if (length > kMaxMessage.count || receiver_closed()) return false;
  if (head_ >= look_at_) reclaim();
  if (!admits(length)) {
    reclaim();
    if (capacity_ >= kLong && messages() > capacity_ - capacity_ / 8) {
      for (int i = 0; i < kPauses; ++i) pause_core();
      reclaim();
    }
    if (!admits(length)) return false;
  }
  return write(data, length, type);
}

/// Where the record is at the beginning of the tape, the receiver is sent there only when it is
/// complete.
void RingWriter::publish(const Place& place, std::uint64_t header, const Flight& flight) {
  const auto before = head_;
  const bool turns = place.end > lap_end_;
  note_flight(place, header, flight);
  if (flight.last) {
    publish_next(header_at(place.at), header, place.end, flight.message_bytes);
  } else {
    header_at(place.end).store(0, std::memory_order_relaxed);
    header_at(place.at).store(header, std::memory_order_release);
    head_ = place.end;
  }
  if (turns) {
    if (place.at != before) header_at(before).store(tape::kSkipWord, std::memory_order_release);
    lap_end_ = tape::next_lap(place.at, tape_size_);
  }
  if (turns || !flight.last) ring_for_message(*receiver_);
  if (messages() > watched_) note_depth();
  find_limits();
}

/// Remembers the record that is about to be published; of `flight`, the positions are to be filled
/// in.
void RingWriter::note_flight(const Place& place, std::uint64_t header, Flight flight) {
  const auto form = tape::form_of(header);
  const auto length = tape::length_of(header);
  const bool whole = flight.last && !flight.elsewhere && length == flight.message_bytes;
  const bool repeats = whole && place.at == head_ &&
                       tape::end_of(form, place.end, length) - place.end == place.end - place.at;
  if (repeats && run_.extent != 0 && header == run_.header) return;
  end_run();
  flight.begin = head_;
  flight.end = place.end;
  flight.extent = static_cast<std::uint32_t>(place.end - head_);
  if (youngest_ - oldest_ > flight_mask_) grow();
  flights_[youngest_++ & flight_mask_] = flight;
  if (!repeats) return;
  run_ = {.length = flight.message_bytes,
          .extent = flight.extent,
          .payload = tape::payload_at(form, place.at) - place.at,
          .header = header,
          .type = tape::kind_of(header)};
}

void RingWriter::end_run() {
  if (run_.extent != 0) flights_[(youngest_ - 1) & flight_mask_].end = head_;
  run_ = {};
}

/// What follows from the state: how far records may be sent without looking at any of it.
void RingWriter::find_limits() {
  const auto kept = kept_free() + tape::kUnit;
  const auto end = std::min(lap_end_, reclaimed_ + tape_size_ - std::min(tape_size_, kept));
  const auto most = std::min(capacity_, watched_);
  auto more = most - std::min(most, messages());
  const auto left = byte_capacity_ - std::min(byte_capacity_, bytes());
  if (run_.extent != 0 && more * run_.length > left) more = left / run_.length;
  run_.safe_end = std::min({end, look_at_ + run_.extent, head_ + more * run_.extent});
}

bool RingWriter::write_fragments(const void* data, std::uint64_t length, std::uint32_t type) {
  if (tape_has_room_for_all(length) || (reclaim(), tape_has_room_for_all(length))) {
    lap_end_ = std::max(lap_end_, tape::round_up(head_, tape_size_));  // it does not end early now
    streaming_ = {.length = length, .left = length, .type = type};
  } else if (!begin(length, type)) {
    return false;
  }
  append(data, length);
  return true;
}

/// True when a large message can end without the heap.
bool RingWriter::tape_has_room_for_all(std::uint64_t length) const {
  const auto fragment = tape::fragment_for(length);
  const auto fragments = length / fragment + 2;  // one for what a turn loses
  const auto needed = fragments * (fragment + tape::kPage + kLine);
  return head_ + needed + kept_free() <= reclaimed_ + tape_size_;
}

bool RingWriter::write_elsewhere(const void* data, std::uint64_t length, std::uint32_t type) {
  const auto at = heap_.allocate(length);
  if (!at) return false;
  std::memcpy(arena_.base() + *at, data, length);
  publish_elsewhere({.at = *at, .length = length}, length, type);
  return true;
}

/// `kind`: the last fragment of its message has no kMoreFollows.
void RingWriter::publish_elsewhere(const Block& block, std::uint64_t message_length,
                                   std::uint32_t kind) {
  const auto place = place_for(tape::Form::kElsewhere, 0);
  assert(place.end + tape::kUnit - reclaimed_ <= tape_size_);
  note_message_length(place, message_length);
  auto* words = reinterpret_cast<std::uint64_t*>(memory_at(place.at));
  words[2] = block.at;
  words[3] = block.length;
  blocks_.push_back(block);
  const bool last = (kind & kMoreFollows) == 0;
  publish(place, tape::published(tape::Form::kElsewhere, kind, 0),
          {.message_bytes = last ? static_cast<std::uint32_t>(message_length) : 0,
           .last = last,
           .elsewhere = true});
}

RingWriter::Place RingWriter::place_on_next_lap(tape::Form form, std::uint64_t length) const {
  const auto at = tape::round_up(head_, tape_size_);
  const Place place{at, tape::end_of(form, at, length)};
  if (lap_end_ != head_ || at == head_ || fits(place)) return place;
  // The lap need not end yet.
  const auto end = tape::end_of(form, head_, length);
  return end <= at ? Place{head_, end} : place;
}

void RingWriter::grow() {
  constexpr std::uint64_t kFewest = 64;
  const auto size = flights_ ? 2 * (flight_mask_ + 1) : kFewest;
  auto larger = std::make_unique<Flight[]>(size);
  for (auto i = oldest_; i < youngest_; ++i) larger[i & (size - 1)] = flights_[i & flight_mask_];
  flights_ = std::move(larger);
  flight_mask_ = size - 1;
}

void RingWriter::write_shared(SharedBlock& block, std::uint32_t type) {
  ++block.holds;
  publish_elsewhere({.at = block.at, .length = block.length, .shared = &block}, block.length, type);
}

void RingWriter::drop_hold(SharedBlock& block) {
  if (--block.holds > 0) return;
  heap_.free(block.at, block.length);
  delete &block;
}

void RingWriter::drop(std::uint64_t length) {
  ++returned_;
  returned_bytes_ += length;
  channel_->enqueued.store(++sent_, std::memory_order_relaxed);
  channel_->bytes.store(sent_bytes_ += length, std::memory_order_relaxed);
  auto& drops = channel_->sender_drops[static_cast<std::size_t>(DropCause::kOverflow)];
  drops.store(drops.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

/// More messages are in flight, as far as this end knows, than ever before.
void RingWriter::note_depth() {
  reclaim();
  if (messages() > high_water_) {
    high_water_ = messages();
    channel_->high_water.store(high_water_, std::memory_order_relaxed);
  }
  watched_ = std::max(high_water_, kSampledDepth);
}

std::byte* RingWriter::reserve(std::uint64_t length) {
  const auto at = heap_.allocate(length);
  if (!at) return nullptr;
  ++loans_;
  lent_bytes_ += length;
  find_limits();
  return arena_.base() + *at;
}

void RingWriter::end_loan(std::uint64_t length) {
  --loans_;
  lent_bytes_ -= length;
  find_limits();
}

void RingWriter::send_reserved(std::byte* memory, std::uint64_t length, std::uint32_t type) {
  end_loan(length);
  const auto at = static_cast<Offset>(memory - arena_.base());
  publish_elsewhere({.at = at, .length = length}, length, type);
}

void RingWriter::cancel(std::byte* memory, std::uint64_t length) {
  end_loan(length);
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
    std::uint64_t done = append_to_tape(bytes, length);
    if (done == 0) done = append_to_heap(bytes, length);
    bytes += done;
    length -= done;
  }
}

/// One fragment by way of the tape; 0 when the receiver lags and the heap is to be used.
std::uint64_t RingWriter::append_to_tape(const std::byte* data, std::uint64_t length) {
  if (streaming_.gathering > 0) return 0;  // what gathers in the heap comes first
  const auto piece = std::min(length, tape::fragment_for(streaming_.length));
  const auto form = std::max(tape::form_for(piece), tape::Form::kNear);
  // A long message goes over the same part of the tape again and again, which leaves the caches to
  // its own bytes.
  const bool turns = streaming_.length > kLongStream && (head_ & (tape_size_ - 1)) >= kStreamLap;
  if (turns) lap_end_ = head_;
  auto place = place_for(form, piece);
  if (!fits(place) || (turns && place.at == head_)) {
    const bool keeps_up = receiver_keeps_up();
    place = place_for(form, piece);
    if (!keeps_up || !fits(place)) return 0;
  }
  const bool last = piece == streaming_.left;
  note_message_length(place, streaming_.length);
  std::memcpy(memory_at(tape::payload_at(form, place.at)), data, piece);
  streaming_.left -= piece;
  if (last) give_unused_heap_back();
  const auto kind = streaming_.type | (last ? 0 : kMoreFollows);
  publish(place, tape::published(form, kind, piece),
          {.message_bytes = last ? static_cast<std::uint32_t>(streaming_.length) : 0,
           .last = last,
           .elsewhere = false});
  return piece;
}

/// Gathers bytes in the heap, and publishes them as a fragment when they are many enough and a
/// record can be spared, or when they are the end of the message.
std::uint64_t RingWriter::append_to_heap(const std::byte* data, std::uint64_t length) {
  auto& s = streaming_;
  const auto wanted = s.gathering < kHeapFragment ? kHeapFragment - s.gathering : length;
  const auto piece = std::min(length, wanted);
  std::memcpy(arena_.base() + s.heap_at + s.heap_used, data, piece);
  s.heap_used += piece;
  s.gathering += piece;
  s.left -= piece;
  const bool last = s.left == 0;
  const auto spared = [&] { return fits(place_for(tape::Form::kElsewhere, 0)); };
  if (!last && s.gathering >= kHeapFragment && !spared()) reclaim();
  if (last || (s.gathering >= kHeapFragment && spared())) {
    const auto length_published = s.gathering;
    const Offset at = s.heap_at + s.heap_used - length_published;
    s.heap_used = in_lines(s.heap_used);
    s.gathering = 0;
    if (last) give_unused_heap_back();
    publish_elsewhere({.at = at, .length = length_published}, s.length,
                      s.type | (last ? 0 : kMoreFollows));
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
  while (oldest_ != youngest_) {
    Flight& flight = flights_[oldest_ & flight_mask_];
    const bool is_run = run_.extent != 0 && oldest_ + 1 == youngest_;
    const auto end = is_run ? head_ : flight.end;
    take_back(flight, std::min(released, end));
    if (is_run || released < end) break;
    ++oldest_;
  }
  deepest_ = std::max(deepest_ - deepest_ / 8, head_ - reclaimed_);
  look_at_ = head_ + look_step_;
  const auto run = head_ & (tape_size_ - 1);
  const bool far = run >= std::max({kShortestLap, 4 * deepest_, 2 * kept_free()});
  if (far && reclaimed_ == head_) lap_end_ = head_;
  find_limits();
}

void RingWriter::take_back(Flight& flight, std::uint64_t up_to) {
  if (up_to < flight.begin + flight.extent) return;
  const auto records = (up_to - flight.begin) / flight.extent;
  flight.begin += records * flight.extent;
  reclaimed_ = flight.begin;
  if (flight.elsewhere) {
    take_back(blocks_.front());
    blocks_.pop_front();
  }
  if (flight.last) {
    returned_ += records;
    returned_bytes_ += records * flight.message_bytes;
  }
}

void RingWriter::take_back(const Block& block) {
  if (block.shared != nullptr) return drop_hold(*block.shared);
  return_to_host(arena_.base() + block.at, block.length);
  heap_.free(block.at, block.length);
}

}  // namespace mvm::queue
