// SPDX-License-Identifier: GPL-3.0-or-later
#include "deadlock_watch.hpp"

#include <algorithm>

namespace mvm::run {
namespace {

/// The first look after one that found nothing, and the longest pause between two.
constexpr std::chrono::milliseconds kShortestPause{250};
constexpr std::chrono::seconds kLongestPause{4};
/// Looking takes at most this part of the time.
constexpr int kLookingShare = 20;

}  // namespace

void DeadlockWatch::on_stalled() {
  stalled_ = true;
  pause_ = {};
  if (!looking_) look();
}

std::optional<SteadyTime> DeadlockWatch::tick() {
  if (stopped_) return {};
  if (due_ && now() >= *due_ && !looking_) look();
  return due_;
}

void DeadlockWatch::look() {
  if (stopped_) return;
  looking_ = true;
  stalled_ = false;
  due_.reset();
  begun_ = now();
  rounds_.wish([this](const StatusRounds::Statuses& statuses) { on_first(graph_.look(statuses)); });
}

void DeadlockWatch::forget_told(queue::GroupWaits& waits) const {
  std::erase_if(waits.knots, [this](const auto& knot) { return told_.contains(knot); });
}

void DeadlockWatch::on_first(queue::GroupWaits&& waits) {
  forget_told(waits);
  if (stopped_ || waits.knots.empty()) return look_later(waits);
  candidate_ = std::move(waits);
  rounds_.wish(
      [this](const StatusRounds::Statuses& statuses) { on_second(graph_.look(statuses)); });
}

/// What is the same in both was so at one time in between, and stays so.
void DeadlockWatch::on_second(queue::GroupWaits&& waits) {
  forget_told(waits);
  if (!stopped_ && !waits.knots.empty() && same_standstill(candidate_, waits)) {
    told_.insert(waits.knots.begin(), waits.knots.end());
    found_(waits);
  }
  look_later(waits);
}

void DeadlockWatch::look_later(const queue::GroupWaits& waits) {
  looking_ = false;
  if (stalled_) return look();
  const bool somebody_waits =
      std::ranges::any_of(waits.tasks, [](const auto& task) { return !task.waits.empty(); });
  if (stopped_ || !somebody_waits) return;
  const auto time = now();
  pause_ = std::clamp<SteadyTime::duration>(2 * pause_, kShortestPause, kLongestPause);
  due_ = time + std::max(pause_, kLookingShare * (time - begun_));
}

}  // namespace mvm::run
