// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The whole of MVM that a job sees. A job is a program that sends and receives messages through
/// named ports; who is at the other end stands in the job profile, never here.
///
///     #include <mvm/job.hpp>
///     int main(int argc, char** argv) {
///       mvm::Job job(argc, argv);
///       job.port("next").send(42);
///       int n = job.port("prev").receive<int>();
///     }
///
/// Threads: a `Job` and its ports may be used by any thread, but each port by at most one sending
/// and one receiving thread at a time, and `receive_any` by one thread at a time.
/// Blocking: every function says whether it may block. A blocked call burns no CPU for long. A
/// message counts as there when its first bytes are: a call that does not wait may take as long as
/// its sender needs to write the rest of a large one.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <mvm/collectives.hpp>
#include <mvm/detail/calls.hpp>
#include <mvm/detail/value_bytes.hpp>
#include <mvm/types.hpp>

namespace mvm {

class Job;
class Message;
class Port;
template <typename T>
class Loan;

/// What an exchange with the neighbours brought.
template <typename T>
struct Arrival {
  Port* port;  ///< where it arrived
  T value;
};

/// This task's membership in its job group. Make one, at the start of `main`. Attaching waits until
/// the whole group is wired. Throws `error` with what to do when the program was not started by
/// mvm.
class Job {
 public:
  MVM_API Job(int argc, char** argv);
  MVM_API ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  MVM_API std::string_view name() const;                        ///< "cell[3]"
  MVM_API std::size_t index() const;                            ///< 0 … count()-1
  MVM_API std::size_t count() const;                            ///< tasks of this job
  MVM_API const std::vector<std::size_t>& coordinates() const;  ///< in the shape, {index} if none
  MVM_API const std::vector<std::string>& arguments() const;    ///< the profile's <arg>s
  MVM_API std::string_view directory() const;                   ///< working directory of the task

  /// The port of that name. `port` throws `error` with the names there are; `find_port` gives null,
  /// as at the border of a mesh.
  MVM_API Port& port(std::string_view name);
  MVM_API Port* find_port(std::string_view name);
  MVM_API const std::vector<Port*>& ports();  ///< all, in the order of the topology

  /// The next message of any port, in turn among those that have one. Blocks. Throws `closed` when
  /// every port has ended; `next_any` is empty then. The view is released when it dies.
  Message receive_any();
  std::optional<Message> next_any();
  std::optional<Message> try_receive_any();
  template <typename Duration>
  std::optional<Message> receive_any_for(const Duration& timeout);

  /// The tasks of this job, or all tasks of the group, for collective operations: each by one
  /// thread at a time. Throws `error` in a group that was planned without teams.
  MVM_API Team& team();
  MVM_API Team& everyone();

  // The operations of `team()`; <mvm/collectives.hpp> describes them. They block until the members
  // that they depend on have called them.
  void barrier() { team().barrier(); }
  template <typename T>
  T broadcast(T value) {
    return team().broadcast(std::move(value));
  }
  template <typename T, typename Op>
  std::optional<T> reduce(const T& value, Op op) {
    return team().reduce(value, std::move(op));
  }
  template <typename T, typename Op>
  T all_reduce(const T& value, Op op) {
    return team().all_reduce(value, std::move(op));
  }
  template <typename T, typename Op>
  T scan(const T& value, Op op) {
    return team().scan(value, std::move(op));
  }
  template <typename T, typename Op>
  T exclusive_scan(const T& value, Op op, const T& initial) {
    return team().exclusive_scan(value, std::move(op), initial);
  }
  template <typename T>
  std::vector<T> gather(const T& value) {
    return team().gather(value);
  }
  template <typename T>
  std::vector<T> all_gather(const T& value) {
    return team().all_gather(value);
  }
  template <typename T>
  T scatter(const std::vector<T>& blocks = {}) {
    return team().scatter(blocks);
  }
  template <typename T>
  std::vector<T> all_to_all(const std::vector<T>& blocks) {
    return team().all_to_all(blocks);
  }

  /// Exchange with the neighbours: sends one message from every port that can send, and receives
  /// one at every port that can receive, all at once: it never deadlocks, whatever the queues'
  /// capacities, as long as the neighbours do the same. `given` is what is sent everywhere, or a
  /// function that says it for each port: `job.exchange([&](mvm::Port& to) { return edge(to); })`.
  /// What arrives is in the order of `ports()`. Blocks. Throws `closed` when a neighbour is gone.
  template <typename Given>
  auto exchange(const Given& given) {
    if constexpr (std::is_invocable_v<const Given&, Port&>) {
      return exchange_each<detail::bare_t<std::invoke_result_t<const Given&, Port&>>>(given);
    } else {
      return exchange_each<Given>([&](Port&) -> const Given& { return given; });
    }
  }

 private:
  friend struct JobAccess;
  [[noreturn]] MVM_API void throw_all_closed() const;
  std::optional<Message> take(std::int64_t timeout_ns);
  template <typename T, typename Make>
  std::vector<Arrival<T>> exchange_each(const Make& make);
  void* state_ = nullptr;
};

/// For a port whose link says `spread="hash"`: messages with equal keys go to the same receiver.
struct Key {
  std::uint64_t value;
};

/// For queues of type `priority`: the higher level is received first. 0, the default, is the
/// lowest; levels above the queue's highest count as that. Other queues ignore it.
struct Priority {
  std::uint32_t level;
};

/// For queues of type `deadline`: the earlier is received first. A std::chrono duration from now;
/// what is received later than that counts as late, or is dropped where the queue says so. A
/// message without one comes after all that have one.
struct Deadline {
  template <typename Duration>
  explicit Deadline(const Duration& from_now) : from_now_ns(detail::nanoseconds(from_now)) {}
  std::int64_t from_now_ns;
};

/// Several of them: `port.send(row, mvm::Terms().with(mvm::Priority{2}).with(mvm::Key{7}))`.
class Terms {
 public:
  Terms() = default;
  Terms(Key key) { with(key); }                 // NOLINT: a term is terms
  Terms(Priority priority) { with(priority); }  // NOLINT
  Terms(Deadline deadline) { with(deadline); }  // NOLINT
  Terms& with(Key key) {
    terms_.has_key = true;
    terms_.key = key.value;
    return *this;
  }
  Terms& with(Priority priority) {
    terms_.priority = priority.level;
    return *this;
  }
  Terms& with(Deadline deadline) {
    terms_.deadline_ns = deadline.from_now_ns < 0 ? 0 : deadline.from_now_ns;
    return *this;
  }

 private:
  friend class Port;
  detail::SendTerms terms_;
};

/// A task's named end of its edges. Found through `Job::port`; owned by the `Job`.
class Port {
 public:
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  MVM_API std::string_view name() const;
  MVM_API bool can_send() const;     ///< at least one edge leaves here
  MVM_API bool can_receive() const;  ///< at least one edge arrives here
  /// True when everything sent to this port was received and every sender is gone.
  MVM_API bool ended() const;

  /// Sends one message: a trivially copyable value, a sequence of them, a string, a standard
  /// container of anything, a structure with MVM_FIELDS, or a type with a codec; at most 1 GiB.
  /// docs/types.md has the table. What happens when the queue is full stands in the profile: by
  /// default it blocks; where the queue says overflow="fail" it throws `full`. When it returns, the
  /// receiver can get the message whatever this task does next. Throws `closed` when every receiver
  /// is gone; with a key among the terms, when the one receiver of that key is.
  template <typename T>
  void send(const T& value) {
    send_value(value, detail::kNoTerms);
  }
  template <typename T>
  void send(const T& value, const Terms& terms) {
    send_value(value, terms.terms_);
  }
  /// Sends what was lent by this port. Does not copy.
  template <typename T>
  void send(Loan<T>&& loan, const Terms& terms = Terms()) {
    detail::send_loan(*this, loan.block_, detail::type_tag<T>(), terms.terms_);
    loan.block_ = {};
  }
  /// False when the queue is full and would block. Does not block.
  template <typename T>
  [[nodiscard]] bool try_send(const T& value, const Terms& terms = Terms()) {
    auto wanted = terms.terms_;
    wanted.timeout_ns = 0;
    return send_value(value, wanted);
  }
  /// False when there was no room within `timeout`, a std::chrono duration.
  template <typename T, typename Duration>
  [[nodiscard]] bool send_for(const T& value, const Duration& timeout,
                              const Terms& terms = Terms()) {
    auto wanted = terms.terms_;
    wanted.timeout_ns = detail::nanoseconds(timeout);
    return send_value(value, wanted);
  }
  /// Raw bytes.
  void send_bytes(const void* data, std::size_t size, const Terms& terms = Terms()) {
    detail::send(*this, data, size, 0, terms.terms_);
  }

  /// Memory for `count` values, sent without a copy. May block until the queue has room.
  template <typename T>
  [[nodiscard]] Loan<T> loan(std::size_t count) {
    return Loan<T>(detail::loan(*this, count * sizeof(T)));
  }

  /// The next message as a `T`: whatever can be sent and owns its memory, or `Message` for a view
  /// without a copy. Throws `error` when the sender sent another type. Blocks until one comes.
  /// Throws `closed` at the end of the stream.
  template <typename T>
  T receive();
  /// Like `receive`, but empty at the end of the stream: `while (auto row = port.next<Row>())`.
  template <typename T>
  std::optional<T> next();
  /// Empty when no message is there. Does not block.
  template <typename T>
  std::optional<T> try_receive();
  /// Empty when none came within `timeout`, or at the end of the stream (see `ended`).
  template <typename T, typename Duration>
  std::optional<T> receive_for(const Duration& timeout);
  /// Copies the next message into a range of yours and returns the number of elements. Throws
  /// `error` when it does not fit. The quickest form for data of known size. Blocks.
  template <typename Range>
  std::size_t receive_into(Range&& range);

  /// Ends the sending side: receivers see the end of the stream after what was sent. Sending
  /// afterwards throws `error`. Happens by itself when the task ends.
  MVM_API void close();

 private:
  friend class Job;
  friend struct PortAccess;
  Port() = default;
  ~Port() = default;

  template <typename T>
  bool send_value(const T& value, const detail::SendTerms& terms) {
    if constexpr (detail::is_made<T>()) {
      const std::string bytes = detail::make_bytes(value);
      return detail::send(*this, bytes.data(), bytes.size(), detail::value_tag<T>(), terms);
    } else {
      const auto bytes = detail::bytes_in_place(value);
      return detail::send(*this, bytes.data, bytes.size, detail::value_tag<T>(), terms);
    }
  }
  std::optional<Message> take(std::int64_t timeout_ns);
  template <typename T>
  static T convert(Message&& message);
  template <typename T>
  static std::optional<T> convert_some(std::optional<Message>&& message);

  void* state_ = nullptr;
};

/// A received message, seen where it lies in the queue; released when it dies. It counts as
/// received only then, so the sender may find the queue full until then. Move only. Release in the
/// thread that received. The port that it came from stays valid as long as the `Job`.
class Message {
 public:
  Message() = default;
  explicit Message(detail::Block block) : block_(block) {}
  Message(Message&& other) noexcept : block_(std::exchange(other.block_, {})) {}
  Message& operator=(Message&& other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Message() { release(); }

  const void* data() const { return block_.data; }
  std::size_t size() const { return block_.size; }  ///< bytes
  Port& port() const { return *block_.port; }       ///< where it arrived
  std::string_view text() const { return {static_cast<const char*>(block_.data), block_.size}; }
  std::uint32_t priority() const { return block_.priority; }  ///< where the queue has priorities
  /// Its deadline had passed when it was received: where the queue is of type `deadline`. Others
  /// may not have kept it.
  bool late() const { return block_.late; }

  /// A copy as whatever can be sent and owns its memory. Throws `error` when the sender sent
  /// another type or a length that does not fit. Where the queue has the codec `portable`, numbers
  /// may be of another size than the sender's, as long as the values fit.
  template <typename T>
  T as() const;

  /// The elements in place: `for (double x : message.view<double>())`.
  template <typename T>
  struct View {
    const T* first;
    std::size_t count;
    const T* begin() const { return first; }
    const T* end() const { return first + count; }
    const T* data() const { return first; }
    std::size_t size() const { return count; }
    const T& operator[](std::size_t i) const { return first[i]; }
  };
  template <typename T>
  View<T> view() const {
    static_assert(std::is_trivially_copyable_v<T>, "only trivially copyable values lie in place");
    if (!detail::fits(block_, detail::type_tag<T>()) || block_.size % sizeof(T) != 0) {
      detail::throw_no_view(block_, detail::type_tag<T>(), sizeof(T));
    }
    return {static_cast<const T*>(block_.data), block_.size / sizeof(T)};
  }

  /// Gives the memory back before the object dies.
  void release() {
    if (block_.port != nullptr) detail::release(block_);
    block_ = {};
  }

 private:
  template <typename T>
  T as_value() const;
  template <typename T>
  T as_sequence() const;
  detail::Block block_;
};

/// Memory of the queue itself, lent for one message: fill it, then `port.send(std::move(loan))`.
/// Nothing is copied up to the queue's byte capacity, and above it while the queue VM has room.
/// A loan that is never sent is given back by the destructor. Not thread safe. Alignment 64 bytes.
template <typename T>
class Loan {
  static_assert(std::is_trivially_copyable_v<T>, "only trivially copyable values can be lent");

 public:
  Loan(Loan&& other) noexcept : block_(std::exchange(other.block_, {})) {}
  Loan& operator=(Loan&& other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Loan() {
    if (block_.data != nullptr) detail::drop_loan(block_);
  }

  T* data() const { return static_cast<T*>(block_.data); }
  std::size_t size() const { return block_.size / sizeof(T); }
  T* begin() const { return data(); }
  T* end() const { return data() + size(); }
  T& operator[](std::size_t i) const { return data()[i]; }

 private:
  friend class Port;
  explicit Loan(detail::Block block) : block_(block) {}
  detail::Block block_;
};

/// The other end is gone: nothing more will come, or nobody will take what is sent. A task that
/// lets it escape from `main` ends as a follower: it is reported, but is no failure of its own.
class MVM_API closed : public error {
 public:
  using error::error;
};

/// The queue is full, and the profile says overflow="fail". Nothing was sent.
class MVM_API full : public error {
 public:
  using error::error;
};

}  // namespace mvm

// What the classes above have declared only.
#include <mvm/detail/exchange.hpp>
#include <mvm/detail/receiving.hpp>
