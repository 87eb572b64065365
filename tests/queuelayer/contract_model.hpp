// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <mvm/queuelayer/wiring_plan.hpp>

#include "queue_ends.hpp"
#include "test_seed.hpp"

/// The cells of the contract, the messages that are sent in them, and a queue that is too simple to
/// be wrong.
namespace mvm::queue {

/// Where a queue lies between its sender and its receivers.
enum class Carriage {
  kSharedMemory,
  kIpc,          ///< ZeroMQ over unix sockets
  kTcpWithKeys,  ///< ZeroMQ over TCP, with CURVE
  kDirectTcp,    ///< sockets of our own over TCP, with TLS
  kTrustedTcp,   ///< the same without encryption
};

enum class Kind {
  kFifo,
  kPriority,
  kLifo,
  kLatest,
  kDeadline,
  kCustom,
  kShared,       ///< two receivers compete, both on one machine
  kSharedApart,  ///< one of them is on the sender's machine
  kEach,         ///< two queues are sent one copy, one of them on the sender's machine
};

struct Cell {
  Carriage carriage;
  Kind kind;
  Overflow overflow;

  [[nodiscard]] bool crosses() const { return carriage != Carriage::kSharedMemory; }
  [[nodiscard]] bool competes() const {
    return kind == Kind::kShared || kind == Kind::kSharedApart;
  }
  [[nodiscard]] bool drops() const {
    return overflow == Overflow::kDropOldest || overflow == Overflow::kDropNewest;
  }
};

inline std::string name_of(const Cell& cell) {
  static constexpr std::array kCarriages{"SharedMemory", "Ipc", "TcpWithKeys", "DirectTcp",
                                         "TrustedTcp"};
  static constexpr std::array kKinds{"Fifo",   "Priority", "Lifo",        "Latest", "Deadline",
                                     "Custom", "Shared",   "SharedApart", "Each"};
  static constexpr std::array kOverflows{"Block", "DropOldest", "DropNewest", "Fail"};
  return std::string(kCarriages[static_cast<std::size_t>(cell.carriage)]) + "_" +
         kKinds[static_cast<std::size_t>(cell.kind)] + "_" +
         kOverflows[static_cast<std::size_t>(cell.overflow)];
}

inline QueueType type_of(Kind kind) {
  switch (kind) {
    case Kind::kPriority:
      return QueueType::kPriority;
    case Kind::kLifo:
      return QueueType::kLifo;
    case Kind::kLatest:
      return QueueType::kLatest;
    case Kind::kDeadline:
      return QueueType::kDeadline;
    case Kind::kCustom:
      return QueueType::kCustom;
    case Kind::kFifo:
    case Kind::kShared:
    case Kind::kSharedApart:
    case Kind::kEach:
      break;
  }
  return QueueType::kFifo;
}

/// libzmq is not built for the thread sanitizer.
inline std::vector<Cell> all_cells() {
  std::vector<Carriage> carriages{Carriage::kSharedMemory};
#if !defined(__SANITIZE_THREAD__)
  carriages.insert(carriages.end(), {Carriage::kIpc, Carriage::kTcpWithKeys, Carriage::kDirectTcp,
                                     Carriage::kTrustedTcp});
#endif
  std::vector<Cell> cells;
  for (const auto carriage : carriages) {
    for (int kind = 0; kind <= static_cast<int>(Kind::kEach); ++kind) {
      for (int overflow = 0; overflow <= static_cast<int>(Overflow::kFail); ++overflow) {
        const Cell cell{carriage, static_cast<Kind>(kind), static_cast<Overflow>(overflow)};
        // On one machine, receivers are never apart.
        if (cell.kind != Kind::kSharedApart || cell.crosses()) cells.push_back(cell);
      }
    }
  }
  return cells;
}

/// A message that knows itself: length and urgency follow from its number.
struct Letter {
  std::uint64_t number = 0;
  std::uint64_t length = 0;
  std::uint32_t level = 0;

  /// Too short to tell its number: then all that is known of it is its length.
  [[nodiscard]] bool is_anonymous() const { return length < sizeof number; }
  [[nodiscard]] std::string bytes() const {
    return is_anonymous() ? pattern(length, length) : numbered(number, length);
  }
};
inline constexpr std::uint32_t kLevels = 4;

/// All letters of a lane, by number.
class Letters {
 public:
  using Length = std::uint64_t (*)(std::uint64_t number, std::mt19937& random);
  Letters(std::uint32_t seed, Length length) : seed_(seed), length_(length) {}
  Letter operator[](std::uint64_t number) const {
    std::mt19937 random(seed_ + static_cast<std::uint32_t>(number) * 2'654'435'761u);
    Letter letter{.number = number, .length = length_(number, random)};
    letter.level = static_cast<std::uint32_t>(random_below(random, kLevels));
    return letter;
  }
  /// The letter that these bytes are; nothing when they are none.
  [[nodiscard]] std::optional<Letter> recognise(const std::string& bytes) const {
    if (bytes.size() < sizeof(std::uint64_t)) {
      if (bytes != pattern(bytes.size(), bytes.size())) return {};
      return Letter{.length = bytes.size()};
    }
    const auto number = number_of(bytes);
    if (!number) return {};
    const auto letter = (*this)[*number];
    if (letter.length != bytes.size()) return {};
    return letter;
  }

 private:
  std::uint32_t seed_;
  Length length_;
};

// How long the letters of a lane are.
inline std::uint64_t mixed(std::uint64_t number, std::mt19937& random) {
  if (number % 50 == 7) return random_below(random, 300 << 10);
  if (number % 10 == 3) return random_below(random, 8);
  return 8 + random_below(random, 3'000);
}
inline std::uint64_t numbered_ones(std::uint64_t number, std::mt19937& random) {
  return 8 + random_below(random, number % 8 == 5 ? 100'000 : 2'000);
}
inline std::uint64_t some_over_the_bytes(std::uint64_t number, std::mt19937& random) {
  return 8 + random_below(random, number % 16 == 0 ? 5'000 : 900);
}

/// What the type receives first is of the lowest class; in one class, the oldest first, or the
/// newest.
inline std::int64_t class_of(Kind kind, const Letter& letter) {
  switch (kind) {
    case Kind::kPriority:
      return -std::int64_t{letter.level};
    case Kind::kDeadline:
    case Kind::kCustom:
      return letter.level;
    default:
      return 0;
  }
}
inline bool newest_first(Kind kind) {
  return kind == Kind::kLifo || kind == Kind::kLatest;
}

/// One queue that nobody reads from, as the policies say: too simple to be wrong.
class UnreadQueue {
 public:
  UnreadQueue(Kind kind, const QueueSpec& spec) : kind_(kind), spec_(spec) {}

  enum class Offered { kSent, kRefused, kNoRoom, kClosed };
  Offered offer(const Letter& letter) {
    if (kind_ == Kind::kLatest) {
      superseded += there_.size();
      there_.clear();
    }
    if (!fits(there_, letter)) {
      if (spec_.overflow == Overflow::kBlock) return Offered::kNoRoom;
      if (spec_.overflow == Overflow::kFail) return Offered::kRefused;
      if (spec_.overflow == Overflow::kDropNewest || !make_room(letter)) {
        ++overflowed;
        return Offered::kSent;
      }
    }
    there_.push_back(letter);
    return Offered::kSent;
  }
  /// What is there, in the order in which it will be received.
  [[nodiscard]] std::vector<std::uint64_t> order() const {
    auto sorted = there_;
    std::ranges::stable_sort(sorted, [this](const Letter& a, const Letter& b) {
      const auto left = class_of(kind_, a);
      const auto right = class_of(kind_, b);
      if (left != right) return left < right;
      return newest_first(kind_) ? a.number > b.number : a.number < b.number;
    });
    std::vector<std::uint64_t> numbers;
    for (const auto& letter : sorted) numbers.push_back(letter.number);
    return numbers;
  }
  [[nodiscard]] std::size_t size() const { return there_.size(); }

  std::uint64_t overflowed = 0;
  std::uint64_t superseded = 0;

 private:
  [[nodiscard]] bool fits(const std::vector<Letter>& there, const Letter& letter) const {
    if (there.empty()) return true;
    std::uint64_t bytes = letter.length;
    for (const auto& other : there) bytes += other.length;
    return there.size() < spec_.capacity && bytes <= spec_.bytes.count;
  }
  /// Of the least urgent the oldest go, unless the newcomer is less urgent itself.
  [[nodiscard]] bool make_room(const Letter& letter) {
    auto left = there_;
    while (!fits(left, letter)) {
      const auto victim = std::ranges::max_element(
          left, {}, [this](const Letter& other) { return class_of(kind_, other); });
      if (victim == left.end() || class_of(kind_, *victim) < class_of(kind_, letter)) return false;
      left.erase(victim);
    }
    overflowed += there_.size() - left.size();
    there_ = left;
    return true;
  }

  Kind kind_;
  QueueSpec spec_;
  std::vector<Letter> there_;  ///< oldest first
};
using Offered = UnreadQueue::Offered;

}  // namespace mvm::queue
