// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/port_writer.hpp>

#include <algorithm>
#include <cstring>

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

bool is_closed(const QueueWriter* writer) {
  return writer->receiver_closed();
}

}  // namespace

PortWriter::PortWriter(const Arena& arena, const PortRecord& port, SenderHeap& heap,
                       const RankLoader& rank_of)
    : arena_(arena), heap_(heap) {
  for (const auto& record : arena.list<SendGroupRecord>(port.sends)) {
    auto& group = groups_.emplace_back();
    group.spread = static_cast<Spread>(record.spread);
    for (const auto channel : arena.list<std::uint32_t>(record.channels)) {
      const auto plugin = arena.words(arena.channel(channel).plugin);
      writers_.push_back(std::make_unique<QueueWriter>(
          arena, channel, heap, plugin.empty() || !rank_of ? RankRule() : rank_of(plugin)));
      group.writers.push_back(writers_.back().get());
    }
  }
}

void PortWriter::aim(const OutgoingMessage& message) {
  message_ = message;
  targets_.clear();
  for (auto& group : groups_) {
    switch (group.spread) {
      case Spread::kOneToOne:
      case Spread::kEach:
      case Spread::kShared:
        targets_.insert(targets_.end(), group.writers.begin(), group.writers.end());
        break;
      case Spread::kRoundRobin: {
        // Receivers that are gone lose their turn.
        const auto n = group.writers.size();
        std::size_t tried = 0;
        while (tried < n && is_closed(group.writers[group.turn % n])) ++group.turn, ++tried;
        targets_.push_back(group.writers[group.turn % n]);
        break;
      }
      case Spread::kHash: {
        const auto key = message.key ? *message.key : hash_of(message.data, message.length);
        targets_.push_back(group.writers[pick(key, group.writers.size())]);
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
  const auto waits = [this](QueueWriter* target) {
    return !is_closed(target) && !target->ready(message_.length);
  };
  const auto found = std::ranges::find_if(targets_, waits);
  awaited_ = found == targets_.end() ? nullptr : *found;
  return awaited_ == nullptr;
}

std::int64_t PortWriter::ready_at() const {
  auto at = kNever;
  for (const auto* target : targets_) at = std::min(at, target->ready_at());
  return at;
}

void PortWriter::expect_room(bool waiting) {
  for (auto* target : targets_) target->expect_room(waiting);
}

/// The message in the sender's heap, for several queues to refer to; null when it is so small that
/// every queue had better have its own, or when the heap has no room.
SharedBlock* PortWriter::share() {
  if (targets_.size() < 2 || message_.length <= kLine) return nullptr;
  const auto at = heap_.allocate(message_.length);
  if (!at) return nullptr;
  std::memcpy(arena_.base() + *at, message_.data, message_.length);
  return new SharedBlock{.at = *at, .length = message_.length, .holds = 1};
}

PortWriter::Delivered PortWriter::deliver() {
  std::erase_if(targets_, is_closed);
  if (targets_.empty()) return Delivered::kClosed;
  const auto refuses = [this](QueueWriter* target) { return target->refuses(message_.length); };
  if (std::ranges::any_of(targets_, refuses)) return Delivered::kRefused;

  SharedBlock* block = share();
  const auto served = [&](QueueWriter* target) {
    const auto sent = block != nullptr ? target->send_shared(*block, message_.type, message_.terms)
                                       : target->send(message_.data, message_.length, message_.type,
                                                      message_.terms);
    return sent != Sent::kTryAgain;
  };
  std::erase_if(targets_, served);
  if (block != nullptr && --block->holds == 0) {
    heap_.free(block->at, block->length);
    delete block;
  }
  // The heap is shared by all ports of the task, so another thread may just have taken the room.
  if (!targets_.empty()) return Delivered::kTryAgain;
  take_turns();
  return Delivered::kAll;
}

void PortWriter::close() {
  for (auto& writer : writers_) writer->close();
}

}  // namespace mvm::queue
