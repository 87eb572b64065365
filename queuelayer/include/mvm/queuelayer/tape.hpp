// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <mvm/queuelayer/arena_layout.hpp>

/// How records lie on the tape of a ring: pure functions on positions and words, for the two ends
/// and for the queue VM, which looks at what they left. A position counts bytes from the beginning
/// of time; the tape holds the last `tape_size` of them. docs/arena-layout.md has the picture.
namespace mvm::queue::tape {

/// Records begin at multiples of this, so that payloads are aligned for every fundamental type.
inline constexpr std::uint64_t kUnit = 16;
/// A payload up to this follows its header in the same unit.
inline constexpr std::uint64_t kShortBytes = 8;
/// A payload up to this follows its header in the next unit.
inline constexpr std::uint64_t kNearBytes = 192;
/// From this on, a payload has pages of its own: a core that reads one runs ahead of itself to the
/// page's end, and would take lines from the other core that writes the next payload there.
inline constexpr std::uint64_t kPagedBytes = 8 << 10;
inline constexpr std::uint64_t kPage = 4 << 10;
/// Longest message in one record.
inline constexpr std::uint64_t kWholeBytes = 16 << 10;
/// Longest payload of a record.
inline constexpr std::uint64_t kLongestFragment = 32 << 10;
/// Of a longer message: a part of a core's level-2 cache, so that the receiver copies one fragment
/// while the sender fills the next; with its header it takes whole pages.
constexpr std::uint64_t fragment_for(std::uint64_t message_length) {
  return (message_length <= (256 << 10) ? (20 << 10) : kLongestFragment) - kLine;
}
/// What a record of Form::kElsewhere takes.
inline constexpr std::uint64_t kElsewhereBytes = 2 * kUnit;

/// Where a record's payload is.
enum class Form : std::uint32_t {
  kShort = 0,      ///< behind the header
  kNear = 1,       ///< in the next unit; behind the header is the length of the whole message
  kAligned = 2,    ///< on the next line; likewise
  kPaged = 3,      ///< on the next page, behind its first line; likewise
  kElsewhere = 4,  ///< in a heap: behind the header, the length of the message, where, how long
};

enum class State : std::uint32_t {
  kNothing = 0,    ///< only the word that is all zero
  kPublished = 1,  ///< the receiver may have it
  kGivenBack = 2,  ///< the receiver had it, and has an older one still
  kSkip = 3,       ///< the next record is at the beginning of the tape
};

/// The first word of a record. It is written last, by a release store, into a word that was zero.
using Header = std::atomic<std::uint64_t>;

inline constexpr std::uint32_t kLengthShift = 32;
inline constexpr std::uint32_t kStateShift = 56;
inline constexpr std::uint32_t kFormShift = 58;
inline constexpr std::uint64_t kSkipWord = std::uint64_t{static_cast<std::uint32_t>(State::kSkip)}
                                           << kStateShift;

/// `kind`: element type and kMoreFollows. `length` of the payload, where it is on the tape.
constexpr std::uint64_t published(Form form, std::uint32_t kind, std::uint64_t length) {
  return kind | length << kLengthShift |
         std::uint64_t{static_cast<std::uint32_t>(State::kPublished)} << kStateShift |
         std::uint64_t{static_cast<std::uint32_t>(form)} << kFormShift;
}
constexpr std::uint64_t given_back(std::uint64_t published_word) {
  return published_word ^ std::uint64_t{3} << kStateShift;
}
constexpr State state_of(std::uint64_t word) {
  return static_cast<State>(word >> kStateShift & 3);
}
constexpr Form form_of(std::uint64_t word) {
  return static_cast<Form>(word >> kFormShift & 7);
}
constexpr std::uint32_t kind_of(std::uint64_t word) {
  return static_cast<std::uint32_t>(word);
}
constexpr std::uint64_t length_of(std::uint64_t word) {
  return word >> kLengthShift & 0xffffff;
}

constexpr std::uint64_t round_up(std::uint64_t n, std::uint64_t to) {
  return (n + to - 1) & ~(to - 1);
}

/// Where the payload of a record at `at` begins, for the forms that have it on the tape.
constexpr std::uint64_t payload_at(Form form, std::uint64_t at) {
  if (form == Form::kShort) return at + sizeof(Header);
  if (form == Form::kNear) return at + kUnit;
  if (form == Form::kAligned) return round_up(at + kUnit, kLine);
  return round_up(at, kPage) + kLine;
}
/// Where the record after it begins, unless that would not fit before the end of the tape.
constexpr std::uint64_t end_of(Form form, std::uint64_t at, std::uint64_t length) {
  if (form == Form::kShort) return at + kUnit;
  if (form == Form::kElsewhere) return at + kElsewhereBytes;
  return round_up(payload_at(form, at) + length, form == Form::kNear ? kUnit : kLine);
}
/// The form of a whole message of this length, up to kWholeBytes.
constexpr Form form_for(std::uint64_t length) {
  if (length <= kShortBytes) return Form::kShort;
  if (length <= kNearBytes) return Form::kNear;
  return length < kPagedBytes ? Form::kAligned : Form::kPaged;
}
/// The beginning of the tape, as a position after `at`.
constexpr std::uint64_t next_lap(std::uint64_t at, std::uint64_t tape_size) {
  return (at | (tape_size - 1)) + 1;
}
/// True where a record that says so ends on the same lap, with a payload that may be.
constexpr bool is_sound(std::uint64_t word, std::uint64_t at, std::uint64_t tape_size) {
  const auto length = length_of(word);
  const auto form = form_of(word);
  if (form > Form::kElsewhere) return false;
  if (length > (form == Form::kShort ? kShortBytes : kLongestFragment)) return false;
  return end_of(form, at, length) <= next_lap(at, tape_size);
}

/// Copies a payload of Form::kNear or Form::kShort. Most are so small that a call of memcpy would
/// take longer than the copying.
[[gnu::always_inline]] inline void copy_near(std::byte* to, const std::byte* from,
                                             std::uint64_t length) {
  const auto two = [&](auto half) {  // that overlap, unless the length is twice theirs
    decltype(half) first;
    decltype(half) last;
    std::memcpy(&first, from, sizeof first);
    std::memcpy(&last, from + length - sizeof last, sizeof last);
    std::memcpy(to, &first, sizeof first);
    std::memcpy(to + length - sizeof last, &last, sizeof last);
  };
  struct Line16 {
    std::uint64_t words[2];
  };
  struct Line32 {
    std::uint64_t words[4];
  };
  if (length > 64) {
    std::memcpy(to, from, length);
  } else if (length > 32) {
    two(Line32());
  } else if (length > 16) {
    two(Line16());
  } else if (length >= 8) {
    two(std::uint64_t());
  } else {
    for (std::uint64_t i = 0; i < length; ++i) to[i] = from[i];
  }
}

/// What lies on a tape between a position and the first record that is not there. Other tasks may
/// be writing, so each record may be gone when it is told, and what stands where it was, anything.
class Walk {
 public:
  Walk(const std::byte* tape, std::uint64_t tape_size, std::uint64_t from)
      : tape_(tape), tape_size_(tape_size), at_(from - from % kUnit), limit_(at_ + tape_size) {}

  /// The next record's header; 0 when there is none.
  std::uint64_t next();
  /// Where the record after the last one told would begin.
  [[nodiscard]] std::uint64_t position() const { return at_; }

 private:
  [[nodiscard]] std::uint64_t word(std::uint64_t at) const {
    return reinterpret_cast<const Header*>(tape_ + (at & (tape_size_ - 1)))
        ->load(std::memory_order_acquire);
  }
  const std::byte* tape_;
  std::uint64_t tape_size_;
  std::uint64_t at_;
  std::uint64_t limit_;
};

}  // namespace mvm::queue::tape
