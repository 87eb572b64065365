// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/tape.hpp>

namespace mvm::queue::tape {

std::uint64_t Walk::next() {
  auto at = at_;
  auto header = word(at);
  if (state_of(header) == State::kSkip) {
    at = next_lap(at, tape_size_);
    header = word(at);
  }
  const auto state = state_of(header);
  const bool is_record = state == State::kPublished || state == State::kGivenBack;
  if (!is_record || !is_sound(header, at, tape_size_)) return 0;
  const auto end = end_of(form_of(header), at, length_of(header));
  if (end > limit_) return 0;
  at_ = end;
  return header;
}

}  // namespace mvm::queue::tape
