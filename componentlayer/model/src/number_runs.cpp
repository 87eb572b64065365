// SPDX-License-Identifier: GPL-3.0-or-later
#include "number_runs.hpp"

#include <utility>

#include <mvm/base/text.hpp>

namespace mvm::model {
namespace {

constexpr std::size_t kWidestList = 60;

}  // namespace

void NumberRuns::add(std::uint32_t number) {
  if (!words_.empty() && number == last_ + 1) {
    last_ = number;
    return;
  }
  close();
  words_ += text(words_.empty() ? "" : ",", number);
  first_ = last_ = number;
}

std::string NumberRuns::take() {
  close();
  auto words = std::exchange(words_, {});
  if (words.size() <= kWidestList) return words;
  words.resize(words.rfind(',', kWidestList) + 1);
  return words + "…";
}

void NumberRuns::close() {
  if (!words_.empty() && last_ != first_) words_ += text("-", last_);
}

}  // namespace mvm::model
