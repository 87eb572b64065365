// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/port_writer.hpp>

#include <algorithm>
#include <cstring>

#include <mvm/queuelayer/portable.hpp>
#include <mvm/queuelayer/waiter.hpp>

namespace mvm::queue {
namespace {

/// FNV-1a: the key of a message that was sent without one.
std::uint64_t hash_of(const void* data, std::uint64_t length) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto* bytes = static_cast<const unsigned char*>(data);
  for (std::uint64_t i = 0; i < length; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3;
  return hash;
}

/// Spreads neighbouring keys over all receivers.
std::size_t pick(std::uint64_t key, std::size_t receivers) {
  key ^= key >> 33;
  key *= 0xff51afd7ed558ccd;
  key ^= key >> 33;
  return static_cast<std::size_t>(key % receivers);
}

}  // namespace

Result<std::unique_ptr<PortWriter>> PortWriter::open(const Arena& arena, const PortRecord& port,
                                                     SenderHeap& heap, const Plugins& plugins) {
  std::unique_ptr<PortWriter> writer(new PortWriter(arena, heap));
  for (const auto& record : arena.list<SendGroupRecord>(port.sends)) {
    Group group{.spread = static_cast<Spread>(record.spread)};
    for (const auto channel : arena.list<std::uint32_t>(record.channels)) {
      if (auto added = writer->add_end(channel, plugins); !added) return fail(added.error());
      group.ends.push_back(writer->ends_.back().get());
    }
    writer->groups_.push_back(std::move(group));
  }
  return writer;
}

Result<void> PortWriter::add_end(std::uint32_t channel, const Plugins& plugins) {
  const ChannelRecord& record = arena_.channel(channel);
  auto end = std::make_unique<End>(arena_, channel, heap_);
  if (const auto path = arena_.words(record.plugin); !path.empty()) {
    if (!plugins.rank) {
      return fail(ErrorCode::kCodec, "queue type ", path,
                  " is a plugin, which only tasks can load");
    }
    auto loaded = plugins.rank(std::string(path));
    if (!loaded) return fail(loaded.error());
    end->plugin = std::move(*loaded);
  }
  auto codecs = CodecChain::of(arena_, record, plugins.codec);
  if (!codecs) return fail(codecs.error());
  end->codecs = std::move(*codecs);
  end->portable = is_portable(arena_, record);
  ends_.push_back(std::move(end));
  return {};
}

bool PortWriter::receivers_closed() const {
  return std::ranges::all_of(ends_, [](const auto& end) { return end->writer.receiver_closed(); });
}

Result<void> PortWriter::aim(const OutgoingMessage& message) {
  message_ = message;
  begun_ = false;
  targets_.clear();
  choose(message);
  if (auto ranked = rank(); !ranked) return ranked;
  return encode();
}

/// Before anything is done for the message, because a plugin may refuse it.
Result<void> PortWriter::rank() {
  for (End* target : targets_) {
    if (!target->plugin) continue;
    const auto& channel = target->writer.channel();
    const auto rank = target->plugin({.number = channel.enqueued.load(std::memory_order_relaxed),
                                      .data = message_.data,
                                      .length = message_.length,
                                      .type = message_.type,
                                      .priority = message_.terms.priority,
                                      .now_ns = group_now_ns(arena_.header().clock),
                                      .deadline_ns = message_.terms.deadline_ns});
    if (!rank) return fail(rank.error());
    target->rank = *rank;
  }
  return {};
}

Result<void> PortWriter::encode() {
  const ConstBytes plain{static_cast<const std::byte*>(message_.data), message_.length};
  if (std::ranges::any_of(targets_, &End::portable)) {
    auto made = to_portable(plain, message_.type, portable_form_);
    if (!made) return made;
  }
  for (End* target : targets_) {
    target->bytes = target->portable ? ConstBytes(portable_form_) : plain;
    if (!target->codecs) continue;
    auto encoded = target->codecs->encode(target->bytes);
    if (!encoded) return fail(encoded.error());
    target->bytes = *encoded;
  }
  return {};
}

void PortWriter::choose(const OutgoingMessage& message) {
  for (auto& group : groups_) {
    switch (group.spread) {
      case Spread::kOneToOne:
      case Spread::kEach:
      case Spread::kShared:
        targets_.insert(targets_.end(), group.ends.begin(), group.ends.end());
        break;
      case Spread::kRoundRobin: {
        // Receivers that are gone lose their turn.
        const auto n = group.ends.size();
        std::size_t tried = 0;
        while (tried < n && group.ends[group.turn % n]->writer.receiver_closed()) {
          ++group.turn;
          ++tried;
        }
        targets_.push_back(group.ends[group.turn % n]);
        break;
      }
      case Spread::kHash: {
        const auto key = message.key ? *message.key : hash_of(message.data, message.length);
        targets_.push_back(group.ends[pick(key, group.ends.size())]);
        break;
      }
    }
  }
}

void PortWriter::take_turns() {
  for (auto& group : groups_) {
    if (group.spread == Spread::kRoundRobin) ++group.turn;
  }
}

bool PortWriter::ready() {
  // A message that other queues have already is no longer refused.
  return finds_room(begun_);
}

bool PortWriter::could_deliver() {
  return finds_room(true);
}

bool PortWriter::finds_room(bool where_refused) {
  awaited_ = nullptr;
  for (End* target : targets_) {
    auto& writer = target->writer;
    const auto length = target->bytes.size();
    const bool ready = writer.ready(length) && !(where_refused && writer.refuses(length));
    if (writer.receiver_closed() || ready) continue;
    awaited_ = &writer;
    return false;
  }
  return true;
}

std::int64_t PortWriter::ready_at() const {
  auto at = kNever;
  for (const End* target : targets_) at = std::min(at, target->writer.ready_at());
  return at;
}

void PortWriter::expect_room(bool waiting) {
  for (End* target : targets_) target->writer.expect_room(waiting);
}

QueueWriter* PortWriter::sole() {
  return ends_.size() == 1 && ends_.front()->is_plain() ? &ends_.front()->writer : nullptr;
}

/// The message in the sender's heap, for several queues to refer to; null when it is so small that
/// every queue had better have its own, when queues encode it, or when the heap has no room.
SharedBlock* PortWriter::share() {
  if (message_.length <= kLine) return nullptr;
  if (std::ranges::count_if(targets_, &End::is_plain) < 2) return nullptr;
  const auto at = heap_.allocate(message_.length);
  if (!at) return nullptr;
  std::memcpy(arena_.base() + *at, message_.data, message_.length);
  return new SharedBlock{.at = *at, .length = message_.length, .holds = 1};
}

Sent PortWriter::send(End& end, SharedBlock* block) {
  if (block != nullptr && end.is_plain()) {
    return end.writer.send_shared(*block, message_.type, message_.terms);
  }
  return end.writer.send(end.bytes.data(), end.bytes.size(), message_.type, message_.terms);
}

PortWriter::Delivered PortWriter::deliver() {
  std::erase_if(targets_, [](const End* target) { return target->writer.receiver_closed(); });
  if (targets_.empty()) {
    if (!begun_) return Delivered::kClosed;
    take_turns();
    return Delivered::kAll;  // the others have it
  }
  const auto refuses = [](End* target) { return target->writer.refuses(target->bytes.size()); };
  if (!begun_ && std::ranges::any_of(targets_, refuses)) return Delivered::kRefused;

  SharedBlock* block = share();
  bool refused = false;
  const auto serve = [&](End* target) {
    const auto sent = send(*target, block);
    refused |= sent == Sent::kRefused;
    return sent == Sent::kDone || sent == Sent::kDropped;
  };
  begun_ |= std::erase_if(targets_, serve) > 0;
  if (block != nullptr && --block->holds == 0) {
    heap_.free(block->at, block->length);
    delete block;
  }
  // The heap is shared by all ports of the task, so another thread may just have taken the room; or
  // a receiver has taken what was to make room.
  if (refused && !begun_) return Delivered::kRefused;
  if (!targets_.empty()) return Delivered::kTryAgain;
  take_turns();
  return Delivered::kAll;
}

void PortWriter::close() {
  for (auto& end : ends_) end->writer.close();
}

}  // namespace mvm::queue
