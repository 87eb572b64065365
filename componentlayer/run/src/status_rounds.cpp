// SPDX-License-Identifier: GPL-3.0-or-later
#include "status_rounds.hpp"

#include <algorithm>

namespace mvm::run {

namespace control = queue::control;

void StatusRounds::wish(Wish wish) {
  next_.push_back(std::move(wish));
  if (current_.empty()) begin();
}

void StatusRounds::begin() {
  current_.swap(next_);
  ++token_;
  for (std::uint32_t machine = 0; machine < statuses_.size(); ++machine) {
    statuses_[machine] = {};
    awaited_[machine] = true;
  }
  for (std::uint32_t machine = 0; machine < statuses_.size(); ++machine) {
    if (!ask_(machine, control::Ask{token_})) awaited_[machine] = false;
  }
  end_when_complete();
}

bool StatusRounds::on_status(std::uint32_t machine, control::Status&& status) {
  if (!awaited_[machine] || status.token != token_) return false;
  statuses_[machine] = std::move(status);
  awaited_[machine] = false;
  end_when_complete();
  return true;
}

void StatusRounds::on_gone(std::uint32_t machine) {
  if (!awaited_[machine]) return;
  awaited_[machine] = false;
  end_when_complete();
}

/// Wishes may be made while others are fulfilled: they are for the next round.
void StatusRounds::end_when_complete() {
  if (current_.empty() || std::ranges::find(awaited_, true) != awaited_.end()) return;
  const auto statuses = statuses_;
  const auto wishes = current_;
  for (const auto& wish : wishes) wish(statuses);
  current_.clear();
  if (!next_.empty()) begin();
}

}  // namespace mvm::run
