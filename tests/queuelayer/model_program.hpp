// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// Small programs on shared memory, for model_explorer.hpp to try.
namespace mvm::model {

using Value = std::uint8_t;

/// A word of shared memory.
struct Cell {
  std::uint8_t number = 0;
  /// Of an array of cells, where this one is the first.
  Cell operator[](int i) const { return {static_cast<std::uint8_t>(number + i)}; }
};

/// A process' own variable. 0 at first.
struct Local {
  std::uint8_t number = 0;
};

class Locals {
 public:
  explicit Locals(const char* first) : first_(first) {}
  Value operator[](Local local) const { return static_cast<Value>(first_[local.number]); }

 private:
  const char* first_;
};

/// A constant, a local, or anything computed from locals.
class Expression {
 public:
  Expression(int constant) : constant_(static_cast<Value>(constant)) {}  // NOLINT: reads like code
  Expression(Local local)                                                // NOLINT
      : compute_([local](const Locals& locals) { return locals[local]; }) {}
  template <std::invocable<const Locals&> Function>
  Expression(Function compute)  // NOLINT
      : compute_([compute](const Locals& locals) { return static_cast<Value>(compute(locals)); }) {}

  Value operator()(const Locals& locals) const { return compute_ ? compute_(locals) : constant_; }

 private:
  Value constant_ = 0;
  std::function<Value(const Locals&)> compute_;
};

/// A cell, maybe one that is computed from locals.
class Address {
 public:
  Address() : Address(Cell{}) {}
  Address(Cell cell) : number_(cell.number) {}  // NOLINT
  template <typename Function>
    requires std::convertible_to<std::invoke_result_t<Function, const Locals&>, Cell>
  Address(Function compute)  // NOLINT
      : number_([compute](const Locals& locals) { return compute(locals).number; }) {}

  std::uint8_t operator()(const Locals& locals) const { return number_(locals); }

 private:
  Expression number_;
};

enum class Ordering { kX86, kWeakStores };
enum class Order { kRelaxed, kRelease };
enum class Status : std::uint8_t { kRuns, kSleeps, kEnded, kKilled };

/// What lies in a state: the memory, then each process.
struct Layout {
  static constexpr std::size_t kBuffered = 10;  ///< stores; one more waits for its place
  enum Field : std::uint8_t { kAt, kStatus, kOwes, kSpurious, kStores, kFields };

  std::size_t cells = 0;
  std::size_t locals = 0;

  [[nodiscard]] std::size_t process_size() const { return kFields + locals + 2 * kBuffered; }
  [[nodiscard]] std::size_t field(std::size_t process, Field field) const {
    return cells + process * process_size() + field;
  }
  [[nodiscard]] std::size_t local(std::size_t process) const { return field(process, kFields); }
  [[nodiscard]] std::size_t store(std::size_t process, std::size_t i) const {
    return local(process) + locals + 2 * i;
  }
};

/// What a predicate sees.
class View {
 public:
  View(const std::string& state, const Layout& layout) : state_(state), layout_(layout) {}
  Value operator[](Cell cell) const { return static_cast<Value>(state_[cell.number]); }
  [[nodiscard]] Value local(std::size_t process, Local local) const {
    return static_cast<Value>(state_[layout_.local(process) + local.number]);
  }
  [[nodiscard]] Status status(std::size_t process) const {
    return static_cast<Status>(state_[layout_.field(process, Layout::kStatus)]);
  }
  /// The process is gone and all that it stored has reached memory: it can be reaped.
  [[nodiscard]] bool is_gone(std::size_t process) const {
    return status(process) >= Status::kEnded &&
           state_[layout_.field(process, Layout::kStores)] == 0;
  }

 private:
  const std::string& state_;
  const Layout& layout_;
};

struct Label {
  std::size_t number = 0;
};

/// One process: instructions in order, each of which happens at once. What only touches locals
/// happens with the instruction before it.
class Program {
 public:
  explicit Program(std::string name) : name_(std::move(name)) {}

  Local local() {
    is_result_.push_back(false);
    return {static_cast<std::uint8_t>(is_result_.size() - 1)};
  }
  /// One that is looked at when the process is gone.
  Local result() {
    const auto result = local();
    is_result_[result.number] = true;
    return result;
  }
  Program& may_be_killed() {
    killable_ = true;
    return *this;
  }
  /// A sleep may end for no reason, so many times.
  Program& may_wake_for_nothing(Value times) {
    spurious_ = times;
    return *this;
  }

  void load(Address from, Local into) { add({.kind = kLoad, .address = from, .local = into}); }
  void store(Address to, Expression value, Order order) {
    add({.kind = kStore, .address = to, .value = value, .order = order});
  }
  /// A read-modify-write whose result nobody needs.
  void add_to(Address to, Expression value, Order order = Order::kRelaxed) {
    add({.kind = kAdd, .address = to, .value = value, .order = order});
  }
  void fence() { add({.kind = kFence}); }
  /// membarrier(2): ends after each other process has executed a fence in between.
  void fence_everybody() {
    add({.kind = kBeginFences});
    add({.kind = kEndFences});
  }
  /// A futex: sleeps if the cell still has this value. `timed_out`, if given, is set when the sleep
  /// ends by its time limit, which may be any time.
  void sleep(Address on, Expression expected, std::optional<Local> timed_out = {}) {
    add({.kind = kSleep,
         .address = on,
         .value = expected,
         .local = timed_out.value_or(Local{}),
         .limited = timed_out.has_value()});
  }
  void wake(Address on) { add({.kind = kWake, .address = on}); }
  /// Goes on when the predicate holds, whichever way it learns that.
  void await(std::string what, std::function<bool(const View&, const Locals&)> until) {
    add({.kind = kAwait, .until = std::move(until), .words = std::move(what)});
  }
  /// Any value below `choices`.
  void choose(std::string what, Local into, Expression choices) {
    add({.kind = kChoose, .value = choices, .local = into, .words = std::move(what)});
  }

  void set(Local local, Expression value) { add({.kind = kSet, .value = value, .local = local}); }
  void require(Expression condition, std::string otherwise) {
    add({.kind = kRequire, .value = condition, .words = std::move(otherwise)});
  }
  void end() { add({.kind = kEnd}); }

  Label label() {
    labels_.push_back(0);
    return {labels_.size() - 1};
  }
  void place(Label label) { labels_[label.number] = instructions_.size(); }
  void go_if(Expression condition, Label to) {
    add({.kind = kGo, .value = condition, .target = to});
  }
  void go(Label to) { go_if(1, to); }
  template <typename Body>
  void when(Expression condition, Body&& body) {
    const auto after = label();
    go_if([condition](const Locals& locals) { return condition(locals) == 0; }, after);
    body();
    place(after);
  }
  /// `body(done)` again and again, until it goes to `done`.
  template <typename Body>
  void loop(Body&& body) {
    const auto again = label();
    const auto done = label();
    place(again);
    body(done);
    go(again);
    place(done);
  }

 private:
  friend class Explorer;

  enum Kind : std::uint8_t {
    kLoad,
    kStore,
    kAdd,
    kFence,
    kBeginFences,
    kEndFences,
    kSleep,
    kWake,
    kAwait,
    kChoose,
    kEnd,
    // Of locals alone:
    kSet,
    kRequire,
    kGo
  };
  struct Instruction {
    Kind kind = kEnd;
    Address address = {};
    Expression value = 0;
    Order order = Order::kRelaxed;
    Local local = {};
    bool limited = false;
    Label target = {};
    std::function<bool(const View&, const Locals&)> until = {};
    std::string words = {};
  };
  void add(Instruction instruction) { instructions_.push_back(std::move(instruction)); }

  std::string name_;
  std::vector<bool> is_result_;  ///< of each local
  std::vector<Instruction> instructions_;
  std::vector<std::size_t> labels_;
  bool killable_ = false;
  Value spurious_ = 0;
};

}  // namespace mvm::model
