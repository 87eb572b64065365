// SPDX-License-Identifier: Apache-2.0
// The two ends of a ring (ring_writer.hpp, ring_reader.hpp) and the queue VM (channel_ends.cpp), in
// all orders: who waits for a message or for room gets it, whoever is killed at any instruction.
// Each property is also tried with a fault, which the model must notice.
#include <ostream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "modelled_endpoint.hpp"

namespace mvm::model {
namespace {

enum class QueueFault {
  kNone,
  kReceiverDoesNotFence,        ///< between giving back and looking who waits
  kReceiverFencesAsForItself,   ///< as its own ringers would, not the sender's
  kReceiverLooksWhoWaitsFirst,  ///< and gives back then
  kSenderSaysLateThatItWaits,   ///< after its last look
  kCountedBeforeGivenBack,
  kHeaderFirst,       ///< and the payload then
  kHeaderNotRelease,  ///< but a plain store
  kEndAfterLook,      ///< the flag is looked at after the queue
  kQueueVmSilent,
  kQueueVmRingsFirst,
  kQueueVmDoesNotFence,
  kQueueVmTooEarly,  ///< while stores of the dead are on their way
};

struct Ends {
  bool senders_ringers_fence = true;
  bool receivers_ringers_fence = true;
  std::vector<bool> more = {false, true, false};  ///< fragments that are not the last of a message
  bool has_room = true;                           ///< for all; else for one message
  bool sender_dies = false;
  bool receiver_dies = false;
  Value wakes_for_nothing = 0;
  QueueFault fault = QueueFault::kNone;
};

/// What lies in shared memory.
struct Queue {
  Endpoint sender;
  Endpoint receiver;
  Cell header;    ///< of each fragment, and one that is never published
  Cell payload;   ///< of each fragment
  Cell released;  ///< fragments
  Cell dequeued;  ///< messages
  Cell sender_waiting;
  Cell sender_closed;
  Cell receiver_closed;
};

Value payload_of(std::size_t fragment) {
  return static_cast<Value>(7 + fragment);
}

Expression is_zero(Local local) {
  return [=](const Locals& own) { return own[local] == 0; };
}

class SenderProgram {
 public:
  SenderProgram(const Ends& ends, const Queue& queue) : ends_(ends), queue_(queue) {
    program_.may_wake_for_nothing(ends.wakes_for_nothing);
    if (ends.sender_dies) program_.may_be_killed();
    const auto closing = program_.label();
    for (std::size_t i = 0; i < ends.more.size(); ++i) {
      const bool begins_message = i > 0 && !ends.more[i - 1];
      if (begins_message) find_room(static_cast<int>(i), closing);
      send(static_cast<int>(i));
    }
    program_.place(closing);
    program_.store(queue.sender_closed, 1, Order::kRelease);
    ring(program_, queue.receiver);
  }
  Program take() { return std::move(program_); }

 private:
  void find_room(int sent, Label closing) {
    const auto says_late = ends_.fault == QueueFault::kSenderSaysLateThatItWaits;
    const auto look = [&] {
      const auto found = program_.label();
      program_.load(queue_.receiver_closed, closed_);
      program_.set(ready_, closed_);
      program_.go_if(closed_, found);
      if (!ends_.has_room) program_.load(queue_.released, released_);
      program_.set(ready_, [=, has_room = ends_.has_room, released = released_](const Locals& own) {
        return has_room || own[released] == sent;
      });
      program_.set(released_, 0);
      program_.place(found);
    };
    look();
    program_.when(is_zero(ready_), [&] {
      if (!says_late) program_.store(queue_.sender_waiting, 1, Order::kRelaxed);
      wait_asleep(program_, queue_.sender, ready_, [&] {
        look();
        if (says_late) program_.store(queue_.sender_waiting, 1, Order::kRelaxed);
      });
      program_.store(queue_.sender_waiting, 0, Order::kRelaxed);
    });
    program_.set(ready_, 0);
    program_.go_if(closed_, closing);
  }

  void send(int i) {
    const bool header_first = ends_.fault == QueueFault::kHeaderFirst;
    const bool plain = ends_.fault == QueueFault::kHeaderNotRelease;
    const auto payload = [&] {
      program_.store(queue_.payload[i], payload_of(static_cast<std::size_t>(i)), Order::kRelaxed);
    };
    if (!header_first) payload();
    program_.store(queue_.header[i], 1, plain ? Order::kRelaxed : Order::kRelease);
    if (header_first) payload();
    ring(program_, queue_.receiver);
  }

  const Ends& ends_;
  const Queue& queue_;
  Program program_{"sender"};
  Local ready_ = program_.local();
  Local closed_ = program_.local();
  Local released_ = program_.local();
};

/// Takes fragments until the end, as take_first and take_following of the SDK do; and before it
/// waits it looks for the end, as the link to other machines does.
class ReceiverProgram {
 public:
  ReceiverProgram(const Ends& ends, const Queue& queue) : ends_(ends), queue_(queue) {
    program_.may_wake_for_nothing(ends.wakes_for_nothing);
    if (ends.receiver_dies) program_.may_be_killed();
    program_.loop([&](Label done) {
      const auto nothing = program_.label();
      const auto next = program_.label();
      look_for_fragment(nothing);
      take();
      program_.go(next);
      program_.place(nothing);
      look_for_end(ended_);
      program_.go_if(ended_, done);
      wait_asleep(program_, queue_.receiver, ready_, [&] {
        program_.load(header(), ready_);
        program_.when(is_zero(ready_), [&] { look_for_end(ready_); });
      });
      program_.set(ready_, 0);
      look_for_end(ended_);
      program_.go_if(ended_, done);
      program_.place(next);
    });
  }
  Program take_program() { return std::move(program_); }
  [[nodiscard]] Local taken() const { return taken_; }
  [[nodiscard]] Local whole() const { return whole_; }

 private:
  [[nodiscard]] Address header() const {
    return [headers = queue_.header, taken = taken_](const Locals& own) {
      return headers[own[taken]];
    };
  }
  void look_for_fragment(Label nothing) {
    program_.load(header(), ready_);
    program_.go_if(is_zero(ready_), nothing);
    program_.set(ready_, 0);
  }

  /// RingReader::ended
  void look_for_end(Local ended) {
    const bool flag_last = ends_.fault == QueueFault::kEndAfterLook;
    const auto closed = flag_last ? header() : Address(queue_.sender_closed);
    const auto look = flag_last ? Address(queue_.sender_closed) : header();
    const auto no = program_.label();
    program_.load(closed, ended);
    program_.set(ended, [=](const Locals& own) { return (own[ended] != 0) != flag_last; });
    program_.go_if(is_zero(ended), no);
    program_.load(look, ended);
    program_.set(ended, [=](const Locals& own) { return (own[ended] != 0) == flag_last; });
    program_.place(no);
  }

  void take() {
    const auto read = program_.local();
    program_.load([payload = queue_.payload,
                   taken = taken_](const Locals& own) { return payload[own[taken]]; },
                  read);
    program_.require(
        [read, taken = taken_](const Locals& own) { return own[read] == payload_of(own[taken]); },
        "took what was not published");
    program_.set(read, 0);
    give_back();
  }

  /// RingReader::tell_released
  void give_back() {
    const auto waiting = program_.local();
    const bool looks_first = ends_.fault == QueueFault::kReceiverLooksWhoWaitsFirst;
    const bool counts_first = ends_.fault == QueueFault::kCountedBeforeGivenBack;
    program_.set(taken_, [taken = taken_](const Locals& own) { return own[taken] + 1; });
    if (looks_first) program_.load(queue_.sender_waiting, waiting);
    if (counts_first) count();
    program_.store(queue_.released, taken_, Order::kRelease);
    if (!counts_first) count();
    if (ends_.fault != QueueFault::kReceiverDoesNotFence) {
      const bool as_itself = ends_.fault == QueueFault::kReceiverFencesAsForItself;
      fence_before_looking_at(program_, as_itself ? queue_.receiver : queue_.sender);
    }
    if (!looks_first) program_.load(queue_.sender_waiting, waiting);
    program_.when(waiting, [&] {
      program_.set(waiting, 0);
      // The faults are in what goes before, so this does not mend them by its own fence.
      const bool sound = ends_.fault == QueueFault::kNone;
      ring(program_, queue_.sender, sound ? WaitFault::kNone : WaitFault::kRingerDoesNotFence);
    });
  }
  void count() {
    const auto last = [more = ends_.more, taken = taken_](const Locals& own) {
      return !more[own[taken] - 1u];
    };
    program_.when(last, [&] {
      program_.set(whole_, [whole = whole_](const Locals& own) { return own[whole] + 1; });
      program_.store(queue_.dequeued, whole_, Order::kRelease);
    });
  }

  const Ends& ends_;
  const Queue& queue_;
  Program program_{"receiver"};
  Local ready_ = program_.local();
  Local ended_ = program_.local();
  Local taken_ = program_.result();  ///< fragments
  Local whole_ = program_.result();  ///< messages
};

/// ChannelEnds::task_ended, for one of the two. The queue VM does one after the other; here, both
/// in any order.
Program queue_vm(const Ends& ends, const Queue& queue, std::size_t task, bool is_sender) {
  Program program(is_sender ? "queue VM for the sender" : "queue VM for the receiver");
  const auto fault = ends.fault;
  const auto& peer = is_sender ? queue.receiver : queue.sender;
  const auto closed = is_sender ? queue.sender_closed : queue.receiver_closed;
  program.await("reaps it", [=](const View& view, const Locals&) {
    const bool ended = view.status(task) >= Status::kEnded;
    return fault == QueueFault::kQueueVmTooEarly ? ended : view.is_gone(task);
  });
  if (fault == QueueFault::kQueueVmRingsFirst) ring(program, peer);
  program.store(closed, 1, Order::kRelease);
  if (fault == QueueFault::kQueueVmSilent || fault == QueueFault::kQueueVmRingsFirst) {
    return program;
  }
  const bool fences = fault != QueueFault::kQueueVmDoesNotFence;
  ring(program, peer, fences ? WaitFault::kNone : WaitFault::kRingerDoesNotFence);
  return program;
}

/// What became of the messages: none is left where the receiver lives, and each counts once.
std::string judge(const View& view, const Ends& ends, const Queue& queue, std::size_t receiver,
                  Local taken, Local whole) {
  int fragments = 0;
  int published = 0;  // messages
  int unread = 0;
  for (std::size_t i = 0; i < ends.more.size(); ++i) {
    if (view[queue.header[static_cast<int>(i)]] == 0) break;
    ++fragments;
    if (ends.more[i]) continue;
    ++published;
    if (i >= view[queue.released]) ++unread;
  }
  const bool killed = view.status(receiver) == Status::kKilled;
  if (!killed && view.local(receiver, taken) != fragments) return "a fragment was not taken";
  if (!killed && view.local(receiver, whole) != published) return "a message was not taken";
  const int counted = view[queue.dequeued] + unread;
  if (counted > published) return "a message counts twice";
  if (counted + (killed ? 1 : 0) < published) return "a message counts nowhere";
  return "";
}

Model model_of(const Ends& ends) {
  Model model;
  const auto fragments = static_cast<int>(ends.more.size());
  const Queue queue{.sender = add_endpoint(model, "sender", ends.senders_ringers_fence),
                    .receiver = add_endpoint(model, "receiver", ends.receivers_ringers_fence),
                    .header = model.cells("header", fragments + 1),
                    .payload = model.cells("payload", fragments),
                    .released = model.cell("released"),
                    .dequeued = model.cell("dequeued"),
                    .sender_waiting = model.cell("sender_waiting"),
                    .sender_closed = model.cell("sender_closed"),
                    .receiver_closed = model.cell("receiver_closed")};
  const auto sender = model.add(SenderProgram(ends, queue).take());
  ReceiverProgram receiving(ends, queue);
  const auto taken = receiving.taken();
  const auto whole = receiving.whole();
  const auto receiver = model.add(receiving.take_program());
  if (ends.sender_dies) model.add(queue_vm(ends, queue, sender, true));
  if (ends.receiver_dies) model.add(queue_vm(ends, queue, receiver, false));
  model.check_final(
      [=](const View& view) { return judge(view, ends, queue, receiver, taken, whole); });
  return model;
}

/// Whether ringers fence: the sender's, the receiver's.
class QueueModel : public testing::TestWithParam<std::tuple<bool, bool>> {
 protected:
  [[nodiscard]] static Ends ends() {
    Ends ends;
    std::tie(ends.senders_ringers_fence, ends.receivers_ringers_fence) = GetParam();
    return ends;
  }
};
INSTANTIATE_TEST_SUITE_P(
    Fences, QueueModel, testing::Combine(testing::Bool(), testing::Bool()), [](const auto& chosen) {
      return std::string(std::get<0>(chosen.param) ? "OfTheSendersRingers" : "OfTheSender") +
             (std::get<1>(chosen.param) ? "AndOfTheReceiversRingers" : "AndOfTheReceiver");
    });

TEST_P(QueueModel, BothEndsSleepAndAreWoken) {
  auto e = ends();
  e.has_room = false;
  e.more = {false, false, false};
  expect_holds(model_of(e));
}

TEST_P(QueueModel, SenderIsKilled) {
  auto e = ends();
  e.sender_dies = true;
  expect_holds(model_of(e));
}

TEST_P(QueueModel, SenderIsKilledWhileItMayWaitForRoom) {
  auto e = ends();
  e.sender_dies = true;
  e.has_room = false;
  e.more = {false, false};
  e.wakes_for_nothing = 1;
  expect_holds(model_of(e));
}

TEST_P(QueueModel, ReceiverIsKilled) {
  auto e = ends();
  e.receiver_dies = true;
  e.has_room = false;
  expect_holds(model_of(e));
}

TEST_P(QueueModel, BothAreKilled) {
  auto e = ends();
  e.sender_dies = true;
  e.receiver_dies = true;
  e.has_room = false;
  e.more = {false, false};
  expect_holds(model_of(e));
}

struct Mistake {
  const char* name;
  QueueFault fault;
  Ends ends;
  const char* what;
  Ordering ordering = Ordering::kX86;
};
void PrintTo(const Mistake& mistake, std::ostream* out) {
  *out << mistake.name;
}

class QueueMistake : public testing::TestWithParam<Mistake> {};

Ends full() {
  return {.more = {false, false, false}, .has_room = false};
}
Ends full_with_own_fences() {
  auto ends = full();
  ends.receivers_ringers_fence = false;
  return ends;
}
Ends with_dying_sender() {
  return {.sender_dies = true};
}
Ends with_dying_receiver() {
  return {.has_room = false, .receiver_dies = true};
}

INSTANTIATE_TEST_SUITE_P(
    Is, QueueMistake,
    testing::Values(Mistake{"ReceiverDoesNotFence", QueueFault::kReceiverDoesNotFence, full(),
                            "sender sleeps for ever"},
                    Mistake{"ReceiverFencesAsForItself", QueueFault::kReceiverFencesAsForItself,
                            full_with_own_fences(), "sender sleeps for ever"},
                    Mistake{"ReceiverLooksWhoWaitsFirst", QueueFault::kReceiverLooksWhoWaitsFirst,
                            full(), "sender sleeps for ever"},
                    Mistake{"SenderSaysLateThatItWaits", QueueFault::kSenderSaysLateThatItWaits,
                            full(), "sender sleeps for ever"},
                    Mistake{"CountedBeforeGivenBack", QueueFault::kCountedBeforeGivenBack,
                            with_dying_receiver(), "a message counts twice"},
                    Mistake{"HeaderFirst", QueueFault::kHeaderFirst, full(),
                            "took what was not published"},
                    Mistake{"HeaderNotRelease", QueueFault::kHeaderNotRelease, full(),
                            "took what was not published", Ordering::kWeakStores},
                    Mistake{"EndAfterLook", QueueFault::kEndAfterLook, with_dying_sender(),
                            "a fragment was not taken"},
                    Mistake{"QueueVmSilentAboutTheSender", QueueFault::kQueueVmSilent,
                            with_dying_sender(), "receiver sleeps for ever"},
                    Mistake{"QueueVmSilentAboutTheReceiver", QueueFault::kQueueVmSilent,
                            with_dying_receiver(), "sender sleeps for ever"},
                    Mistake{"QueueVmRingsFirst", QueueFault::kQueueVmRingsFirst,
                            with_dying_sender(), "receiver sleeps for ever"},
                    Mistake{"QueueVmDoesNotFence", QueueFault::kQueueVmDoesNotFence,
                            with_dying_sender(), "receiver sleeps for ever"},
                    Mistake{"QueueVmTooEarly", QueueFault::kQueueVmTooEarly, with_dying_sender(),
                            "a fragment was not taken"}),
    [](const auto& chosen) { return std::string(chosen.param.name); });

TEST_P(QueueMistake, IsNoticed) {
  const auto& mistake = GetParam();
  auto ends = mistake.ends;
  ends.fault = mistake.fault;
  expect_broken(model_of(ends), mistake.ordering, mistake.what);
}

}  // namespace
}  // namespace mvm::model
