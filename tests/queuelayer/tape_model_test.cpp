// SPDX-License-Identifier: Apache-2.0
// The records on the tape of a ring (tape.hpp), in all orders, on a tape of eight units full of
// stale words that look like headers: the receiver reads what was sent and nothing else, lap after
// lap, and whoever is killed leaves what the queue VM can count. Each rule is also broken, which
// the model must notice.
#include <array>
#include <cstring>
#include <ostream>
#include <string>
#include <vector>

#include <mvm/queuelayer/tape.hpp>

#include "modelled_endpoint.hpp"

namespace mvm::model {
namespace {

namespace tape = queue::tape;

// Positions count units here. A cell holds a small number for each word of 64 bits: 0, the skip
// word, or the header of a record with this number that takes so many units.

constexpr Value kUnits = 8;
constexpr std::uint64_t kBytes = kUnits * tape::kUnit;
constexpr Value kLargest = 3;  ///< units of a record
constexpr Value kSkip = 1;
constexpr Value kStale = 80;  ///< number of no record

constexpr Value header(int number, int units) {
  return static_cast<Value>(2 + number * kLargest + units - 1);
}
/// What lies in a record, made to look like the header of another.
constexpr Value content(int number) {
  return header(40 + number, 1);
}

constexpr std::uint64_t payload_length(int units) {
  return units == 1 ? tape::kShortBytes : static_cast<std::uint64_t>(units - 1) * tape::kUnit;
}
constexpr Value units(std::uint64_t position) {
  return static_cast<Value>(position / tape::kUnit);
}
constexpr std::uint64_t bytes(int position) {
  return static_cast<std::uint64_t>(position) * tape::kUnit;
}

/// The word that a cell stands for.
std::uint64_t word_of(Value cell) {
  if (cell == 0) return 0;
  if (cell == kSkip) return tape::kSkipWord;
  const auto number = static_cast<std::uint32_t>((cell - 2) / kLargest);
  const auto length = payload_length((cell - 2) % kLargest + 1);
  return tape::published(tape::form_for(length), number, length);
}
/// Where the record after one at `at` begins.
Value end_of(int at, int size) {
  const auto length = payload_length(size);
  return units(tape::end_of(tape::form_for(length), bytes(at), length));
}
Value next_lap(int at) {
  return units(tape::next_lap(bytes(at), kBytes));
}

enum class TapeFault {
  kNone,
  kNoZero,             ///< where the next record begins
  kZeroAfterHeader,    ///< of the record in front
  kZeroWithoutRoom,    ///< where the receiver still has a record
  kHeaderFirst,        ///< and what is in the record then
  kHeaderNotRelease,   ///< but a plain store
  kSkipFirst,          ///< and the record then
  kSkipNotRelease,     ///< but a plain store
  kGivenBackFirst,     ///< and read then
  kGivenBackUnheeded,  ///< the sender takes memory that was not given back
};

struct Lap {
  Value start = 0;  ///< of the first record, on the lap that begins at unit 8
  int records = 3;
  bool sender_dies = false;
  bool receiver_dies = false;
  bool clears_further = false;  ///< than it must, maybe
  Value stale = header(kStale, 1);
  TapeFault fault = TapeFault::kNone;
};

struct Tape {
  Cell first;   ///< words of the units
  Cell second;  ///< likewise
  Cell released;
  Cell sender_closed;
  Cell receiver_closed;
};

Address word_at(Cell words, Local position) {
  return [=](const Locals& own) { return words[own[position] % kUnits]; };
}
/// Of a record, the word that is the furthest from its header of those that could be a header.
Address last_word(const Tape& tape, Local at, Local size) {
  return [=](const Locals& own) {
    if (own[size] == 1) return tape.second[own[at] % kUnits];
    return tape.first[(own[at] + own[size] - 1) % kUnits];
  };
}

class SenderProgram {
 public:
  SenderProgram(const Lap& lap, const Tape& tape) : lap_(lap), tape_(tape) {
    if (lap.sender_dies) program_.may_be_killed();
    const auto position = kUnits + lap.start;
    program_.set(head_, position);
    program_.set(reclaimed_, position);
    program_.set(cleared_, position + 1);
    program_.set(lap_end_, next_lap(position));
    const auto over = program_.label();
    for (int number = 0; number < lap.records; ++number) {
      program_.choose("units of the next record less one", size_, kLargest);
      program_.set(size_, [size = size_](const Locals& own) { return own[size] + 1; });
      may_reclaim();
      find_room(over);
      write(number);
    }
    program_.place(over);
  }
  Program take() { return std::move(program_); }
  [[nodiscard]] Local sent() const { return sent_; }

 private:
  struct Place {
    int at;
    int end;
  };
  /// RingWriter::fits: the word after the record must be free as well, to be made zero.
  [[nodiscard]] auto fits() const {
    const int extra = lap_.fault == TapeFault::kZeroWithoutRoom ? 0 : 1;
    const bool heedless = lap_.fault == TapeFault::kGivenBackUnheeded;
    return [=, reclaimed = reclaimed_](const Locals& own, const Place& place) {
      return heedless || place.end + extra - own[reclaimed] <= kUnits;
    };
  }
  /// RingWriter::place_for
  [[nodiscard]] auto place_for() const {
    return [fits = fits(), head = head_, size = size_, lap_end = lap_end_](const Locals& own) {
      const Place here{own[head], end_of(own[head], own[size])};
      if (here.end <= own[lap_end]) return here;
      const auto at = static_cast<int>(tape::round_up(own[head], kUnits));
      const Place there{at, end_of(at, own[size])};
      if (own[lap_end] != own[head] || at == own[head] || fits(own, there)) return there;
      return here.end <= at ? here : there;  // the lap need not end yet
    };
  }

  /// RingWriter::reclaim. A lap may end early whenever the tape is empty.
  void reclaim() {
    program_.load(tape_.released, reclaimed_);
    const auto is_empty = [reclaimed = reclaimed_, head = head_](const Locals& own) {
      return own[reclaimed] == own[head];
    };
    program_.when(is_empty, [&] {
      program_.choose("ends the lap", choice_, 2);
      program_.when(choice_, [&] { program_.set(lap_end_, head_); });
      program_.set(choice_, 0);
    });
  }
  /// Whenever, so that what was given back is seen late.
  void may_reclaim() {
    program_.choose("looks at what was given back", choice_, 2);
    program_.when(choice_, [&] { reclaim(); });
  }
  void find_room(Label over) {
    program_.loop([&](Label done) {
      program_.go_if([fits = fits(), place_for = place_for()](
                         const Locals& own) { return fits(own, place_for(own)); },
                     done);
      program_.await("waits for room", [tape = tape_, reclaimed = reclaimed_](const View& view,
                                                                              const Locals& own) {
        return view[tape.released] != own[reclaimed] || view[tape.receiver_closed] != 0;
      });
      program_.load(tape_.receiver_closed, choice_);
      program_.go_if(choice_, over);
      reclaim();
    });
    program_.set(at_, [place_for = place_for()](const Locals& own) { return place_for(own).at; });
    program_.set(end_, [place_for = place_for()](const Locals& own) { return place_for(own).end; });
  }

  /// RingWriter::write and publish
  void write(int number) {
    const auto turns = [=, at = at_, head = head_](const Locals& own) {
      return own[at] != own[head];
    };
    const bool header_first = lap_.fault == TapeFault::kHeaderFirst;
    const bool skip_first = lap_.fault == TapeFault::kSkipFirst;
    const bool zero_last = lap_.fault == TapeFault::kZeroAfterHeader;
    if (!header_first) fill(number);
    if (!zero_last) clear();
    if (skip_first) program_.when(turns, [&] { skip(); });
    const bool plain = lap_.fault == TapeFault::kHeaderNotRelease;
    program_.store(
        word_at(tape_.first, at_),
        [number, size = size_](const Locals& own) { return header(number, own[size]); },
        plain ? Order::kRelaxed : Order::kRelease);
    if (!skip_first) program_.when(turns, [&] { skip(); });
    program_.set(sent_, number + 1);
    if (header_first) fill(number);
    if (zero_last) clear();
    const auto ends_lap = [end = end_, lap_end = lap_end_](const Locals& own) {
      return own[end] > own[lap_end];
    };
    program_.when(ends_lap, [&] {
      program_.set(lap_end_, [at = at_](const Locals& own) { return next_lap(own[at]); });
    });
    program_.set(head_, end_);
    for (const auto local : {at_, end_, size_}) program_.set(local, 0);
    may_clear_further();
  }
  /// One word, that of the last unit; the others stay as stale as they are.
  void fill(int number) {
    program_.store(last_word(tape_, at_, size_), content(number), Order::kRelaxed);
  }
  void skip() {
    const bool plain = lap_.fault == TapeFault::kSkipNotRelease;
    program_.store(word_at(tape_.first, head_), kSkip, plain ? Order::kRelaxed : Order::kRelease);
  }
  void clear() {
    if (lap_.fault == TapeFault::kNoZero) return;
    const auto is_due = [end = end_, cleared = cleared_](const Locals& own) {
      return own[end] + 1 > own[cleared];
    };
    program_.when(is_due, [&] {
      program_.store(word_at(tape_.first, end_), 0, Order::kRelaxed);
      program_.set(cleared_, [end = end_](const Locals& own) { return own[end] + 1; });
    });
  }
  void may_clear_further() {
    const auto is_free = [cleared = cleared_, reclaimed = reclaimed_](const Locals& own) {
      return own[cleared] + 1 <= own[reclaimed] + kUnits;
    };
    if (!lap_.clears_further) return;
    program_.when(is_free, [&] {
      program_.choose("clears one more", choice_, 2);
      program_.when(choice_, [&] {
        program_.store(word_at(tape_.first, cleared_), 0, Order::kRelaxed);
        program_.set(cleared_,
                     [cleared = cleared_](const Locals& own) { return own[cleared] + 1; });
        program_.set(choice_, 0);
      });
    });
  }

  const Lap& lap_;
  const Tape& tape_;
  Program program_{"sender"};
  Local head_ = program_.local();
  Local reclaimed_ = program_.local();
  Local cleared_ = program_.local();
  Local lap_end_ = program_.local();
  Local size_ = program_.local();
  Local at_ = program_.local();
  Local end_ = program_.local();
  Local choice_ = program_.local();
  Local sent_ = program_.result();
};

class ReceiverProgram {
 public:
  ReceiverProgram(const Lap& lap, const Tape& tape) : lap_(lap), tape_(tape) {
    if (lap.receiver_dies) program_.may_be_killed();
    program_.set(next_, kUnits + lap.start);
    program_.loop([&](Label done) {
      const auto found = program_.label();
      const auto waits = program_.label();
      const auto next = program_.label();
      find_header();
      program_.go_if(word_, found);
      program_.load(tape_.sender_closed, word_);
      program_.go_if([word = word_](const Locals& own) { return own[word] == 0; }, waits);
      find_header();
      program_.go_if(word_, found);
      program_.go(done);
      program_.place(waits);
      program_.when(held_, [&] { give_back(); });
      program_.await(
          "waits for a record", [tape = tape_, next = next_](const View& view, const Locals& own) {
            return view[tape.first[own[next] % kUnits]] != 0 || view[tape.sender_closed] != 0;
          });
      program_.go(next);
      program_.place(found);
      take();
      program_.place(next);
    });
    program_.when(held_, [&] { give_back(); });
  }
  Program take_program() { return std::move(program_); }
  [[nodiscard]] Local taken() const { return taken_; }
  [[nodiscard]] Local given_back() const { return given_back_; }

 private:
  /// RingReader::next_header
  void find_header() {
    program_.load(word_at(tape_.first, next_), word_);
    program_.when([word = word_](const Locals& own) { return own[word] == kSkip; },
                  [&] {
                    program_.set(next_,
                                 [next = next_](const Locals& own) { return next_lap(own[next]); });
                    program_.load(word_at(tape_.first, next_), word_);
                  });
  }
  /// RingReader::take. Reads at once, or when the next record was taken as well.
  void take() {
    program_.require(
        [word = word_, next = next_, taken = taken_](const Locals& own) {
          const auto found = word_of(own[word]);
          return tape::state_of(found) == tape::State::kPublished &&
                 tape::is_sound(found, bytes(own[next]), kBytes) &&
                 tape::kind_of(found) == own[taken];
        },
        "took a word for a header");
    const auto held_one = program_.label();
    const auto done = program_.label();
    program_.go_if(held_, held_one);
    program_.set(older_, next_);
    program_.set(older_word_, word_);
    pass();
    program_.choose("holds it", held_, 2);
    program_.go_if(held_, done);
    give_back();
    program_.go(done);
    program_.place(held_one);
    program_.set(younger_, next_);
    program_.set(younger_word_, word_);
    pass();
    give_back();
    program_.place(done);
  }
  void pass() {
    program_.set(next_, [word = word_, next = next_](const Locals& own) {
      const auto found = word_of(own[word]);
      return units(tape::end_of(tape::form_of(found), bytes(own[next]), tape::length_of(found)));
    });
    program_.set(word_, 0);
    program_.set(taken_, [taken = taken_](const Locals& own) { return own[taken] + 1; });
  }
  /// What was taken and not yet given back, after a last look at it.
  void give_back() {
    const bool first = lap_.fault == TapeFault::kGivenBackFirst;
    if (first) program_.store(tape_.released, next_, Order::kRelease);
    read(older_, older_word_);
    program_.when(younger_word_, [&] { read(younger_, younger_word_); });
    if (!first) program_.store(tape_.released, next_, Order::kRelease);
    program_.set(given_back_, taken_);
    for (const auto local : {older_, older_word_, younger_, younger_word_, held_}) {
      program_.set(local, 0);
    }
  }
  void read(Local at, Local header_word) {
    program_.set(size_, [=](const Locals& own) { return (own[header_word] - 2) % kLargest + 1; });
    program_.load(last_word(tape_, at, size_), read_);
    program_.require(
        [header_word, read = read_](const Locals& own) {
          return own[read] == content((own[header_word] - 2) / kLargest);
        },
        "read what was not sent");
    program_.set(read_, 0);
    program_.set(size_, 0);
  }

  const Lap& lap_;
  const Tape& tape_;
  Program program_{"receiver"};
  Local next_ = program_.local();
  Local word_ = program_.local();
  Local taken_ = program_.result();
  Local given_back_ = program_.result();
  Local held_ = program_.local();
  Local older_ = program_.local();
  Local older_word_ = program_.local();
  Local younger_ = program_.local();
  Local younger_word_ = program_.local();
  Local read_ = program_.local();
  Local size_ = program_.local();
};

/// Closes the end of a task that is gone.
Program queue_vm(const std::string& name, std::size_t task, Cell closed) {
  Program program("queue VM for the " + name);
  program.await("reaps it", [=](const View& view, const Locals&) { return view.is_gone(task); });
  program.store(closed, 1, Order::kRelease);
  return program;
}

/// What the queue VM finds on the tape.
int count_unread(const View& view, const Tape& tape) {
  std::array<std::uint64_t, kBytes / sizeof(std::uint64_t)> words{};
  for (int unit = 0; unit < kUnits; ++unit) {
    words[static_cast<std::size_t>(2 * unit)] = word_of(view[tape.first[unit]]);
    words[static_cast<std::size_t>(2 * unit + 1)] = word_of(view[tape.second[unit]]);
  }
  alignas(queue::kLine) std::array<std::byte, kBytes> memory;
  std::memcpy(memory.data(), words.data(), kBytes);
  tape::Walk walk(memory.data(), kBytes, bytes(view[tape.released]));
  int records = 0;
  while (walk.next() != 0) ++records;
  return records;
}

Model model_of(const Lap& lap) {
  Model model;
  const Tape tape{.first = model.cells("word", kUnits, lap.stale),
                  .second = model.cells("second word", kUnits, lap.stale),
                  .released = model.cell("released", static_cast<Value>(kUnits + lap.start)),
                  .sender_closed = model.cell("sender_closed"),
                  .receiver_closed = model.cell("receiver_closed")};
  model.set_first(tape.first[lap.start], 0);
  SenderProgram sending(lap, tape);
  ReceiverProgram receiving(lap, tape);
  const auto sent = sending.sent();
  const auto taken = receiving.taken();
  const auto given_back = receiving.given_back();
  const auto sender = model.add(sending.take());
  const auto receiver = model.add(receiving.take_program());
  model.add(queue_vm("sender", sender, tape.sender_closed));
  if (lap.receiver_dies) model.add(queue_vm("receiver", receiver, tape.receiver_closed));
  model.check_final([=](const View& view) -> std::string {
    const bool killed = view.status(receiver) == Status::kKilled;
    if (!killed && view.local(receiver, taken) != view.local(sender, sent)) {
      return "a record was not taken";
    }
    const auto unread = view.local(sender, sent) - view.local(receiver, given_back);
    return count_unread(view, tape) == unread ? "" : "the queue VM counts what is not unread";
  });
  return model;
}

class TapeModel : public testing::TestWithParam<int> {
 protected:
  [[nodiscard]] static Lap lap() { return {.start = static_cast<Value>(GetParam())}; }
};
INSTANTIATE_TEST_SUITE_P(Start, TapeModel, testing::Values(0, 5),
                         testing::PrintToStringParamName());

TEST_P(TapeModel, CarriesWhatIsSent) {
  expect_holds(model_of(lap()));
}

TEST_P(TapeModel, IsFullOfStaleSkipWords) {
  auto l = lap();
  l.stale = kSkip;
  expect_holds(model_of(l), Ordering::kX86);
}

TEST(TapeModelAtTheTurn, IsClearedFurtherThanItMust) {
  Lap l{.start = 5};
  l.clears_further = true;
  expect_holds(model_of(l), Ordering::kX86);
}

TEST(TapeModelAtTheTurn, SenderIsKilled) {
  Lap l{.start = 5};
  l.sender_dies = true;
  expect_holds(model_of(l));
}

TEST(TapeModelAtTheTurn, ReceiverIsKilled) {
  Lap l{.start = 5};
  l.receiver_dies = true;
  expect_holds(model_of(l));
}

struct Mistake {
  const char* name;
  TapeFault fault;
  const char* what;
  Ordering ordering = Ordering::kX86;
};
void PrintTo(const Mistake& mistake, std::ostream* out) {
  *out << mistake.name;
}

class TapeMistake : public testing::TestWithParam<Mistake> {};
constexpr auto kNoHeader = "took a word for a header";
constexpr auto kNotSent = "read what was not sent";
INSTANTIATE_TEST_SUITE_P(
    Is, TapeMistake,
    testing::Values(
        Mistake{"NoZero", TapeFault::kNoZero, kNoHeader},
        Mistake{"ZeroAfterHeader", TapeFault::kZeroAfterHeader, kNoHeader},
        Mistake{"ZeroWithoutRoom", TapeFault::kZeroWithoutRoom, "sender is stuck"},
        Mistake{"HeaderFirst", TapeFault::kHeaderFirst, kNotSent},
        Mistake{"HeaderNotRelease", TapeFault::kHeaderNotRelease, kNotSent, Ordering::kWeakStores},
        Mistake{"SkipFirst", TapeFault::kSkipFirst, kNoHeader},
        Mistake{"SkipNotRelease", TapeFault::kSkipNotRelease, kNoHeader, Ordering::kWeakStores},
        Mistake{"GivenBackFirst", TapeFault::kGivenBackFirst, kNotSent},
        Mistake{"GivenBackUnheeded", TapeFault::kGivenBackUnheeded, kNoHeader}),
    [](const auto& chosen) { return std::string(chosen.param.name); });

TEST_P(TapeMistake, IsNoticed) {
  const auto& mistake = GetParam();
  expect_broken(model_of({.start = 5, .records = 4, .fault = mistake.fault}), mistake.ordering,
                mistake.what);
}

}  // namespace
}  // namespace mvm::model
