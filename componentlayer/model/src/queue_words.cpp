// SPDX-License-Identifier: GPL-3.0-or-later
#include "queue_words.hpp"

#include <mvm/base/text.hpp>
#include <mvm/base/units.hpp>

namespace mvm::model {
namespace {

using queue::QueueSpec;

/// Joins pieces by commas.
class Pieces {
 public:
  template <typename... Parts>
  void add_if(bool wanted, const Parts&... parts) {
    if (wanted) words_ += text(words_.empty() ? "" : ", ", parts...);
  }
  [[nodiscard]] std::string take() { return std::move(words_); }

 private:
  std::string words_;
};

std::string type_words(const QueueSpec& queue, const queue::WiringPlan& plan) {
  auto words = type_name(queue, plan);
  if (queue.type == queue::QueueType::kPriority) words += text("(", queue.levels, ")");
  return words;
}

void add_settings(const QueueSpec& queue, const queue::WiringPlan& plan, Pieces& pieces) {
  const QueueSpec usual;
  const auto& link = queue.link;
  std::string codecs;
  for (const auto& name : codec_names(queue, plan)) codecs += (codecs.empty() ? "" : " ") + name;
  pieces.add_if(queue.capacity != usual.capacity, "capacity ", queue.capacity);
  pieces.add_if(queue.bytes != usual.bytes, "bytes ", to_string(queue.bytes));
  pieces.add_if(queue.drop_late, "late ones dropped");
  pieces.add_if(queue.time_to_live.count() > 0, "ttl ", mvm::to_string(queue.time_to_live));
  if (queue.interval.count() > 0) pieces.add_if(true, "rate ", rate_words(queue.interval));
  pieces.add_if(link.latency.count() > 0, "latency ", mvm::to_string(link.latency));
  pieces.add_if(link.jitter.count() > 0, "jitter ", mvm::to_string(link.jitter));
  pieces.add_if(link.bits_per_second > 0, "bandwidth ", bandwidth_words(link.bits_per_second));
  pieces.add_if(link.loss_ppb > 0, "loss ", part_words(link.loss_ppb));
  pieces.add_if(!codecs.empty(), codecs);
  pieces.add_if(queue.transport != usual.transport, queue::to_string(queue.transport));
}

}  // namespace

std::string queue_words(const QueueSpec& queue, const queue::WiringPlan& plan) {
  Pieces pieces;
  pieces.add_if(true, type_words(queue, plan), " ", queue::to_string(queue.overflow));
  add_settings(queue, plan, pieces);
  return pieces.take();
}

std::string special_words(const QueueSpec& queue, const queue::WiringPlan& plan) {
  const QueueSpec usual;
  Pieces pieces;
  pieces.add_if(queue.type != usual.type, type_words(queue, plan));
  pieces.add_if(queue.overflow != usual.overflow, queue::to_string(queue.overflow));
  add_settings(queue, plan, pieces);
  return pieces.take();
}

std::vector<std::string> codec_names(const QueueSpec& queue, const queue::WiringPlan& plan) {
  std::vector<std::string> names;
  for (const auto number : queue.codecs) {
    const auto& codec = plan.codecs[number];
    const bool custom = codec.kind == queue::CodecKind::kCustom;
    const auto level = codec.level == 0 ? std::string() : text("(", codec.level, ")");
    names.push_back(
        text(custom ? plan.plugins[codec.plugin].name : queue::to_string(codec.kind), level));
  }
  return names;
}

std::string type_name(const QueueSpec& queue, const queue::WiringPlan& plan) {
  if (queue.type == queue::QueueType::kCustom) return plan.plugins[queue.plugin].name;
  return std::string(queue::to_string(queue.type));
}

bool is_hidden(const queue::PortSpec& port) {
  return port.name.starts_with(queue::kHiddenMark);
}

bool is_hidden(const queue::ChannelSpec& channel) {
  // "cell[3].@cell.up": names of jobs hold no dots.
  const auto dot = channel.sender_port.find('.');
  return std::string_view(channel.sender_port).substr(dot + 1).starts_with(queue::kHiddenMark);
}

}  // namespace mvm::model
