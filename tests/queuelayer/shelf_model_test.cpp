// SPDX-License-Identifier: Apache-2.0
// Random runs of a shelf beside a model of it that is too simple to be wrong: every queue type,
// every overflow policy, all sizes; what is received, in which order, and what becomes of every
// message.
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "queue_ends.hpp"
#include "shelf_lab.hpp"
#include "test_seed.hpp"

namespace mvm::queue {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint32_t kRuns = 3;
#else
constexpr std::uint32_t kRuns = 12;
#endif
constexpr int kSteps = 600;

/// The model. Time goes in whole hours, and what depends on it in half ones, so that nothing
/// happens just when the clock is read.
class Model {
 public:
  struct Message {
    std::uint64_t number;
    std::uint64_t length;
    std::int64_t rank;
    std::int64_t urgency;
    std::int64_t deadline;  ///< in half hours, like the others
    std::int64_t due;
    std::int64_t expires;
    bool held = false;
  };

  Model(const QueueSpec& spec, std::int64_t latency, std::int64_t lifetime)
      : spec_(spec), latency_(latency), lifetime_(lifetime) {}

  void advance(std::int64_t half_hours) { now_ += half_hours; }
  std::int64_t now() const { return now_; }

  bool fits(std::uint64_t length) const {
    std::uint64_t bytes = 0;
    for (const auto& message : there_) bytes += message.length;
    return there_.empty() ||
           (there_.size() < spec_.capacity && bytes + length <= spec_.bytes.count);
  }

  Sent send(std::uint64_t length, std::uint32_t priority, std::int64_t deadline) {
    Message message{.number = next_,
                    .length = length,
                    .deadline = deadline,
                    .due = now_ + latency_,
                    .expires = lifetime_ > 0 ? now_ + lifetime_ : kNever};
    rank(message, priority);
    if (!fits(length)) drop_if([&](const Message& m) { return m.expires <= now_; });
    if (!fits(length) && is_latest() && latency_ > 0) supersede(newest_due());
    if (is_latest() && latency_ == 0) {
      const auto saved = *this;
      supersede(next_);
      if (!fits(length)) *this = saved;
    }
    if (!fits(length)) {
      if (spec_.overflow == Overflow::kBlock) return Sent::kTryAgain;
      if (spec_.overflow == Overflow::kFail) return Sent::kRefused;
      if (spec_.overflow == Overflow::kDropNewest || !make_room(message)) {
        ++enqueued;
        ++dropped;
        return Sent::kDropped;
      }
    }
    ++enqueued;
    ++next_;
    there_.push_back(message);
    return Sent::kDone;
  }

  /// The message that a receiver gets; null for none.
  const Message* take() {
    for (;;) {
      const auto newest = newest_due();
      auto best = there_.end();
      for (auto at = there_.begin(); at != there_.end(); ++at) {
        if (at->held || at->due > now_) continue;
        if (best == there_.end() ||
            std::tie(at->rank, at->number) < std::tie(best->rank, best->number)) {
          best = at;
        }
      }
      if (best == there_.end()) return nullptr;
      if (best->expires <= now_ || (spec_.drop_late && best->deadline < now_) ||
          (is_latest() && best->number < newest)) {
        there_.erase(best);
        ++dropped;
        continue;
      }
      best->held = true;
      const auto number = best->number;
      if (is_latest()) {
        drop_if([&](const Message& m) { return m.due <= now_ && m.number < number; });
      }
      return &find(number);
    }
  }
  void give_back(std::uint64_t number) {
    std::erase_if(there_, [&](const Message& m) { return m.number == number; });
    ++dequeued;
  }
  std::size_t there() const { return there_.size(); }

  std::uint64_t enqueued = 0;
  std::uint64_t dequeued = 0;
  std::uint64_t dropped = 0;

 private:
  bool is_latest() const { return spec_.type == QueueType::kLatest; }

  void rank(Message& message, std::uint32_t priority) const {
    const auto n = static_cast<std::int64_t>(message.number);
    switch (spec_.type) {
      case QueueType::kFifo:
        message.rank = n;
        break;
      case QueueType::kLifo:
      case QueueType::kLatest:
        message.rank = -n;
        break;
      case QueueType::kPriority:
        message.urgency = -static_cast<std::int64_t>(std::min(priority, spec_.levels - 1));
        message.rank = message.urgency * 1'000'000 + n;
        break;
      case QueueType::kDeadline:
        message.rank = message.urgency = message.deadline;
        break;
      case QueueType::kCustom:
        message.rank = message.urgency = -static_cast<std::int64_t>(message.length);
        break;
    }
  }
  Message& find(std::uint64_t number) {
    return *std::ranges::find(there_, number, &Message::number);
  }
  /// What was ever due counts, also when it is gone.
  std::uint64_t newest_due() {
    for (const auto& m : there_) {
      if (m.due <= now_) newest_due_ = std::max(newest_due_, m.number);
    }
    return newest_due_;
  }
  template <typename Goes>
  void drop_if(Goes&& goes) {
    dropped += std::erase_if(there_, [&](const Message& m) { return !m.held && goes(m); });
  }
  void supersede(std::uint64_t newest) {
    drop_if([&](const Message& m) { return m.number < newest; });
  }
  bool make_room(const Message& newcomer) {
    const auto saved = *this;
    while (!fits(newcomer.length)) {
      auto victim = there_.end();
      for (auto at = there_.begin(); at != there_.end(); ++at) {
        if (at->held || at->urgency < newcomer.urgency) continue;
        if (victim == there_.end() || at->urgency > victim->urgency) victim = at;
      }
      if (victim == there_.end()) {
        *this = saved;
        return false;
      }
      there_.erase(victim);
      ++dropped;
    }
    return true;
  }

  QueueSpec spec_;
  std::int64_t latency_;
  std::int64_t lifetime_;
  std::int64_t now_ = 0;
  std::uint64_t next_ = 1;
  std::uint64_t newest_due_ = 0;
  std::vector<Message> there_;  ///< by number
};

constexpr QueueType kTypes[] = {QueueType::kFifo,   QueueType::kPriority, QueueType::kLifo,
                                QueueType::kLatest, QueueType::kDeadline, QueueType::kCustom};
constexpr Overflow kOverflows[] = {Overflow::kBlock, Overflow::kDropOldest, Overflow::kDropNewest,
                                   Overflow::kFail};

class ShelfModel : public testing::TestWithParam<std::tuple<QueueType, Overflow>> {};
INSTANTIATE_TEST_SUITE_P(All, ShelfModel,
                         testing::Combine(testing::ValuesIn(kTypes), testing::ValuesIn(kOverflows)),
                         [](const auto& chosen) {
                           auto name = std::string(to_string(std::get<0>(chosen.param))) + "_" +
                                       std::string(to_string(std::get<1>(chosen.param)));
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

/// One random run. A receiver at random acts of two, who share one queue.
class RandomRun {
 public:
  RandomRun(std::uint32_t seed, QueueType type, Overflow overflow)
      : random_(seed),
        spec_{.type = type,
              .overflow = overflow,
              .capacity = static_cast<std::uint32_t>(1 + random_below(random_, 12)),
              .bytes = Bytes{1 + random_below(random_, 3000)},
              .levels = static_cast<std::uint32_t>(1 + random_below(random_, 5)),
              .drop_late = random_below(random_, 2) == 0},
        latency_(random_below(random_, 3) == 0 ? 5 : 0),
        lifetime_(random_below(random_, 3) == 0 ? 9 : 0),
        model_(spec_, latency_, lifetime_) {
    spec_.link.latency = minutes(30 * latency_);
    spec_.time_to_live = minutes(30 * lifetime_);
    lab_ = std::make_unique<ShelfLab>(spec_, 2, [](const RankedMessage& message) {
      return -static_cast<std::int64_t>(message.length);
    });
    began_ns_ = lab_->now();
  }

  void step() {
    switch (random_below(random_, 8)) {
      case 0:
      case 1:
      case 2:
        return send();
      case 3:
      case 4:
        return take();
      case 5:
      case 6:
        return give_back();
      default: {
        const auto time = static_cast<std::int64_t>(random_below(random_, 4));
        model_.advance(2 * time);
        lab_->advance(hours(time));
      }
    }
  }

  void finish() {
    while (!held_.empty()) give_back();
    model_.advance(100);
    lab_->advance(hours(50));
    for (bool more = true; more && !testing::Test::HasFatalFailure();) {
      take();
      more = !held_.empty();
      if (more) give_back();
    }
    EXPECT_EQ(model_.there(), lab_->there());
    EXPECT_EQ(model_.enqueued, lab_->record().enqueued);
    EXPECT_EQ(model_.dequeued, lab_->record().dequeued);
    EXPECT_EQ(model_.dropped, lab_->all_drops());
    lab_->expect_sums();
    // All memory came back: a message of any size is admitted, after all that were given back.
    EXPECT_TRUE(lab_->writer().ready(spec_.bytes.count));
    (void)lab_->writer().has_done();
    EXPECT_TRUE(lab_->heap().could_allocate(lab_->arena().endpoint(0).heap_size));
  }

 private:
  struct Held {
    ShelfMessage message;
    std::size_t reader;
  };

  std::int64_t real_time(std::int64_t model_half_hours) const {
    return began_ns_ + Duration(minutes(30)).count() * model_half_hours;
  }

  void send() {
    const auto length = random_below(random_, random_below(random_, 2) == 0 ? 90 : 1500);
    const auto priority = static_cast<std::uint32_t>(random_below(random_, 6));
    const auto deadline =
        random_below(random_, 2) == 0
            ? kNever
            : model_.now() + 2 * static_cast<std::int64_t>(random_below(random_, 12)) + 1;
    const MessageTerms terms{.priority = priority,
                             .deadline_ns = deadline == kNever ? kNever : real_time(deadline)};
    auto bytes = pattern(lab_->record().enqueued, length);
    const auto wanted = model_.send(length, priority, deadline);
    ASSERT_EQ(lab_->writer().ready(length), wanted != Sent::kTryAgain);
    ASSERT_EQ(lab_->writer().refuses(length), wanted == Sent::kRefused);
    if (random_below(random_, 4) == 0 && wanted == Sent::kDone) {
      auto* memory = lab_->writer().reserve(length);
      ASSERT_NE(memory, nullptr);
      std::memcpy(memory, bytes.data(), length);
      ASSERT_EQ(lab_->writer().send_reserved(memory, length, 0, terms), wanted);
    } else {
      ASSERT_EQ(lab_->send(bytes, terms), wanted);
    }
    if (wanted == Sent::kDone) content_.push_back(std::move(bytes));
  }

  void take() {
    const auto reader = static_cast<std::size_t>(random_below(random_, 2));
    const auto* wanted = model_.take();
    if (random_below(random_, 2) == 0) {
      ASSERT_EQ(lab_->reader(reader).available(), wanted != nullptr);
    }
    ShelfMessage message;
    ASSERT_EQ(lab_->reader(reader).take(message),
              wanted != nullptr ? Taken::kPiece : Taken::kNothing);
    if (wanted == nullptr) return;
    ASSERT_EQ(message.number, wanted->number);
    ASSERT_EQ(message.late, wanted->deadline < model_.now());
    ASSERT_EQ(std::string(reinterpret_cast<const char*>(message.data), message.length),
              content_[message.number - 1]);
    held_.push_back({message, reader});
  }

  void give_back() {
    if (held_.empty()) return;
    const auto at = static_cast<std::ptrdiff_t>(random_below(random_, held_.size()));
    const auto held = held_[static_cast<std::size_t>(at)];
    held_.erase(held_.begin() + at);
    // What is looked at keeps its bytes.
    ASSERT_EQ(std::memcmp(held.message.data, content_[held.message.number - 1].data(),
                          held.message.length),
              0);
    lab_->give_back(held.message, held.reader);
    model_.give_back(held.message.number);
  }

  std::mt19937 random_;
  QueueSpec spec_;
  std::int64_t latency_;   ///< in half hours; odd, so that nothing is due on the hour
  std::int64_t lifetime_;  ///< likewise
  Model model_;
  std::unique_ptr<ShelfLab> lab_;
  std::int64_t began_ns_ = 0;
  std::vector<Held> held_;
  std::vector<std::string> content_;  ///< by number
};

TEST_P(ShelfModel, AgreesWithTheShelfInRandomRuns) {
  const auto [type, overflow] = GetParam();
  const auto seed = test_seed();
  for (std::uint32_t i = 0; i < kRuns; ++i) {
    RandomRun run(seed + i, type, overflow);
    for (int step = 0; step < kSteps; ++step) {
      run.step();
      ASSERT_FALSE(HasFatalFailure()) << "MVM_TEST_SEED=" << seed + i << " step " << step;
    }
    run.finish();
    ASSERT_FALSE(HasFailure()) << "MVM_TEST_SEED=" << seed + i;
  }
}

}  // namespace
}  // namespace mvm::queue
