// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model_program.hpp"

/// Tries all interleavings of a few small programs that share memory, to the last.
///
/// Each process has a store buffer. As on x86, its stores reach memory in their order at any later
/// time, while its own loads find them at once; read-modify-writes and fences wait until the buffer
/// is empty. With Ordering::kWeakStores, as on processors that keep less order, stores to different
/// cells leave the buffer in any order, but a release store after all that came before it, and a
/// read-modify-write is no fence. Loads always happen in program order.
///
/// A property does not hold where a `require` of a program fails, where a run can go on for ever,
/// or where a final state, in which nobody can do anything more, is not as it should be. Then the
/// verdict has a shortest run that shows it.
namespace mvm::model {

struct Verdict {
  bool holds = true;
  std::string what;   ///< does not hold
  std::string trace;  ///< a shortest run to it
  std::size_t states = 0;
};

/// The memory and the processes on it.
class Model {
 public:
  /// What is wrong with a final state, if anything is. All processes are ended or killed there.
  using Check = std::function<std::string(const View&)>;

  Cell cell(const std::string& name, Value first = 0) { return cells(name, 1, first); }
  /// An array.
  Cell cells(const std::string& name, int count, Value first = 0) {
    const Cell begin{static_cast<std::uint8_t>(names_.size())};
    for (int i = 0; i < count; ++i) {
      names_.push_back(count == 1 ? name : name + "[" + std::to_string(i) + "]");
      memory_.push_back(static_cast<char>(first));
    }
    return begin;
  }
  void set_first(Cell cell, Value value) { memory_[cell.number] = static_cast<char>(value); }
  /// Returns the process' number.
  std::size_t add(Program program) {
    program.end();
    programs_.push_back(std::move(program));
    return programs_.size() - 1;
  }
  /// That process did not ask to take part in fences for others.
  void leave_out_of_fences(std::size_t process) { outsiders_ |= 1u << process; }
  void check_final(Check check) { check_ = std::move(check); }

  [[nodiscard]] Verdict explore(Ordering ordering) const;

 private:
  friend class Explorer;
  std::vector<std::string> names_;
  std::string memory_;
  std::vector<Program> programs_;
  unsigned outsiders_ = 0;
  Check check_ = [](const View&) { return std::string(); };
};

class Explorer {
 public:
  Explorer(const Model& model, Ordering ordering) : model_(model), ordering_(ordering) {
    layout_.cells = model.memory_.size();
    for (const auto& program : model.programs_) {
      layout_.locals = std::max(layout_.locals, program.is_result_.size());
      for (const auto& instruction : program.instructions_) {
        has_group_fences_ |= instruction.kind == Kind::kBeginFences;
      }
      if (program.instructions_.size() > kMostInstructions) broken_ = "a program is too long";
    }
    if (layout_.cells > kCellMask + 1u || model.programs_.size() > kMostProcesses) {
      broken_ = "the model is too large";
    }
  }

  Verdict run() {
    if (broken_.empty()) {
      State first = first_state();
      if (broken_.empty()) enter(first, {});
    }
    for (std::uint32_t number = 0; number < nodes_.size() && broken_.empty(); ++number) {
      expand(number);
    }
    if (broken_.empty()) look_for_cycles();
    return {.holds = broken_.empty(),
            .what = broken_,
            .trace = broken_.empty() ? "" : trace(),
            .states = nodes_.size()};
  }

 private:
  using State = std::string;
  using Number = std::uint32_t;
  using Kind = Program::Kind;
  using Instruction = Program::Instruction;

  static constexpr Number kMostStates = 8'000'000;
  static constexpr std::size_t kMostInstructions = 256;  // numbered by a byte
  static constexpr std::size_t kMostProcesses = 8;       // who owe fences to each, in a byte
  static constexpr std::uint8_t kRelease = 0x80;         // marks of a buffered store's cell
  static constexpr std::uint8_t kSum = 0x40;
  static constexpr std::uint8_t kCellMask = 0x3f;

  /// What happens next: a step of a process, or something that happens to it.
  struct Action {
    enum What : std::uint8_t {
      kStep,
      kStoreArrives,
      kKill,
      kWakeForNothing,
      kTimeOut
    } what = kStep;
    std::uint8_t process = 0;
    std::uint8_t choice = 0;  ///< kStep: of a `choose`; kStoreArrives: which
  };
  struct Node {
    const State* state;
    Number parent;
    Action action;  ///< that led here
    std::size_t first_edge = 0;
  };

  // --- states

  [[nodiscard]] std::uint8_t get(const State& state, std::size_t process,
                                 Layout::Field field) const {
    return static_cast<std::uint8_t>(state[layout_.field(process, field)]);
  }
  void put(State& state, std::size_t process, Layout::Field field, std::uint8_t value) const {
    state[layout_.field(process, field)] = static_cast<char>(value);
  }
  [[nodiscard]] Locals locals(const State& state, std::size_t process) const {
    return Locals(state.data() + layout_.local(process));
  }
  void put_local(State& state, std::size_t process, Local local, Value value) const {
    state[layout_.local(process) + local.number] = static_cast<char>(value);
  }
  [[nodiscard]] Status status(const State& state, std::size_t process) const {
    return static_cast<Status>(get(state, process, Layout::kStatus));
  }
  [[nodiscard]] const Instruction& next(const State& state, std::size_t process) const {
    return model_.programs_[process].instructions_[get(state, process, Layout::kAt)];
  }
  [[nodiscard]] bool buffer_is_empty(const State& state, std::size_t process) const {
    return get(state, process, Layout::kStores) == 0;
  }
  [[nodiscard]] const std::string& cell_name(std::uint8_t number) const {
    return model_.names_[number];
  }

  State first_state() {
    State state = model_.memory_;
    state.resize(layout_.cells + model_.programs_.size() * layout_.process_size());
    for (std::size_t p = 0; p < model_.programs_.size(); ++p) {
      const auto& program = model_.programs_[p];
      put(state, p, Layout::kSpurious, program.spurious_);
      run_locals(state, p);
    }
    return state;
  }

  /// Whatever a process does before it looks at memory again.
  void run_locals(State& state, std::size_t process) {
    const auto& program = model_.programs_[process];
    for (;;) {
      const auto at = get(state, process, Layout::kAt);
      const auto& instruction = program.instructions_[at];
      if (instruction.kind < Kind::kSet) return;
      const auto value = instruction.value(locals(state, process));
      auto to = static_cast<std::uint8_t>(at + 1);
      if (instruction.kind == Kind::kSet) put_local(state, process, instruction.local, value);
      if (instruction.kind == Kind::kGo && value != 0) {
        to = static_cast<std::uint8_t>(program.labels_[instruction.target.number]);
      }
      if (instruction.kind == Kind::kRequire && value == 0) {
        broken_ = program.name_ + ": " + instruction.words;
      }
      put(state, process, Layout::kAt, to);
    }
  }

  /// Whoever has an empty buffer owes nobody a fence.
  void settle(State& state) const {
    for (std::size_t p = 0; p < model_.programs_.size(); ++p) {
      if (buffer_is_empty(state, p)) put(state, p, Layout::kOwes, 0);
    }
  }

  void store(State& state, std::size_t process, std::uint8_t cell, Value value) const {
    const auto count = get(state, process, Layout::kStores);
    const auto at = layout_.store(process, count);
    state[at] = static_cast<char>(cell);
    state[at + 1] = static_cast<char>(value);
    put(state, process, Layout::kStores, count + 1);
  }
  [[nodiscard]] std::pair<std::uint8_t, Value> stored(const State& state, std::size_t process,
                                                      std::size_t i) const {
    const auto at = layout_.store(process, i);
    return {static_cast<std::uint8_t>(state[at]), static_cast<Value>(state[at + 1])};
  }
  [[nodiscard]] Value loaded(const State& state, std::size_t process, std::uint8_t cell) const {
    for (std::size_t i = get(state, process, Layout::kStores); i > 0; --i) {
      const auto [mark, value] = stored(state, process, i - 1);
      if ((mark & kCellMask) == cell) return value;
    }
    return static_cast<Value>(state[cell]);
  }
  /// Of a cell, one that this process adds to and whose sum is still on its way.
  [[nodiscard]] bool is_being_summed(const State& state, std::size_t process,
                                     std::uint8_t cell) const {
    for (std::size_t i = 0; i < get(state, process, Layout::kStores); ++i) {
      const auto mark = stored(state, process, i).first;
      if ((mark & kCellMask) == cell && (mark & kSum) != 0) return true;
    }
    return false;
  }
  [[nodiscard]] bool may_arrive(const State& state, std::size_t process, std::size_t i) const {
    if (i == 0) return true;
    const auto mark = stored(state, process, i).first;
    if (ordering_ == Ordering::kX86 || (mark & kRelease) != 0) return false;
    for (std::size_t before = 0; before < i; ++before) {
      if (((stored(state, process, before).first ^ mark) & kCellMask) == 0) return false;
    }
    return true;
  }
  void arrive(State& state, std::size_t process, std::size_t i) const {
    const auto [mark, value] = stored(state, process, i);
    auto& word = state[mark & kCellMask];
    word = static_cast<char>((mark & kSum) != 0 ? word + value : value);
    const auto count = static_cast<std::uint8_t>(get(state, process, Layout::kStores) - 1);
    for (auto at = layout_.store(process, i); at < layout_.store(process, count); ++at) {
      state[at] = state[at + 2];
    }
    state[layout_.store(process, count)] = state[layout_.store(process, count) + 1] = 0;
    put(state, process, Layout::kStores, count);
  }

  // --- actions

  [[nodiscard]] bool can_step(const State& state, std::size_t process) const {
    if (status(state, process) != Status::kRuns) return false;
    const auto& instruction = next(state, process);
    const auto own = locals(state, process);
    const bool empty = buffer_is_empty(state, process);
    const bool has_place = get(state, process, Layout::kStores) < Layout::kBuffered;
    switch (instruction.kind) {
      case Kind::kStore:
        return has_place;
      case Kind::kAdd:
        return ordering_ == Ordering::kX86 ? empty : has_place;
      case Kind::kFence:
      case Kind::kBeginFences:
      case Kind::kSleep:  // the kernel fences
      case Kind::kWake:
        return empty;
      case Kind::kEndFences:
        return !is_owed_fences(state, process);
      case Kind::kLoad:
        return !is_being_summed(state, process, instruction.address(own));
      case Kind::kAwait:
        return instruction.until(View(state, layout_), own);
      default:
        return true;
    }
  }
  [[nodiscard]] bool is_owed_fences(const State& state, std::size_t process) const {
    for (std::size_t p = 0; p < model_.programs_.size(); ++p) {
      if ((get(state, p, Layout::kOwes) >> process & 1) != 0) return true;
    }
    return false;
  }

  void step(State& state, std::size_t process, std::uint8_t choice) {
    const auto& instruction = next(state, process);
    const auto own = locals(state, process);
    const auto cell = instruction.address(own);
    const auto value = instruction.value(own);
    const std::uint8_t release = instruction.order == Order::kRelease ? kRelease : 0;
    put(state, process, Layout::kAt, get(state, process, Layout::kAt) + 1);
    switch (instruction.kind) {
      case Kind::kLoad:
        put_local(state, process, instruction.local, loaded(state, process, cell));
        break;
      case Kind::kStore:
        store(state, process, cell | release, value);
        break;
      case Kind::kAdd:
        store(state, process, cell | release | kSum, value);
        if (ordering_ == Ordering::kX86) arrive(state, process, 0);
        break;
      case Kind::kBeginFences:
        for (std::size_t p = 0; p < model_.programs_.size(); ++p) {
          if ((model_.outsiders_ >> p & 1) != 0) continue;
          put(state, p, Layout::kOwes, get(state, p, Layout::kOwes) | 1u << process);
        }
        break;
      case Kind::kSleep:
        if (static_cast<Value>(state[cell]) == value) {
          put(state, process, Layout::kStatus, static_cast<std::uint8_t>(Status::kSleeps));
          put(state, process, Layout::kAt, get(state, process, Layout::kAt) - 1);
          return;
        }
        break;
      case Kind::kWake:
        for (std::size_t p = 0; p < model_.programs_.size(); ++p) {
          const bool sleeps = status(state, p) == Status::kSleeps;
          if (sleeps && next(state, p).address(locals(state, p)) == cell) wake_up(state, p);
        }
        break;
      case Kind::kChoose:
        put_local(state, process, instruction.local, choice);
        break;
      case Kind::kEnd:
        put(state, process, Layout::kStatus, static_cast<std::uint8_t>(Status::kEnded));
        forget(state, process);
        return;
      default:
        break;
    }
    run_locals(state, process);
  }
  /// It has slept; what comes next happens later.
  void wake_up(State& state, std::size_t process) {
    put(state, process, Layout::kStatus, static_cast<std::uint8_t>(Status::kRuns));
    put(state, process, Layout::kAt, get(state, process, Layout::kAt) + 1);
    run_locals(state, process);
  }
  /// Where it was when it died makes no difference any more.
  void forget(State& state, std::size_t process) const {
    put(state, process, Layout::kAt, 0);
    put(state, process, Layout::kSpurious, 0);
    const auto& is_result = model_.programs_[process].is_result_;
    for (std::uint8_t i = 0; i < is_result.size(); ++i) {
      if (!is_result[i]) put_local(state, process, Local{i}, 0);
    }
  }

  void perform(State& state, Action action) {
    const auto p = action.process;
    switch (action.what) {
      case Action::kStep:
        step(state, p, action.choice);
        break;
      case Action::kStoreArrives:
        arrive(state, p, action.choice);
        break;
      case Action::kKill:
        put(state, p, Layout::kStatus, static_cast<std::uint8_t>(Status::kKilled));
        forget(state, p);
        break;
      case Action::kTimeOut:
        put_local(state, p, next(state, p).local, 1);
        wake_up(state, p);
        break;
      case Action::kWakeForNothing:
        put(state, p, Layout::kSpurious, get(state, p, Layout::kSpurious) - 1);
        wake_up(state, p);
        break;
    }
    settle(state);
  }

  [[nodiscard]] std::vector<Action> actions(const State& state) const {
    std::vector<Action> all;
    for (std::uint8_t p = 0; p < model_.programs_.size(); ++p) {
      if (!concerns_nobody_else(state, p)) continue;
      add_steps(state, p, all);
      add_kill(state, p, all);
      return all;
    }
    for (std::uint8_t p = 0; p < model_.programs_.size(); ++p) {
      add_steps(state, p, all);
      add_kill(state, p, all);
      for (std::uint8_t i = 0; i < get(state, p, Layout::kStores); ++i) {
        if (may_arrive(state, p, i)) all.push_back({Action::kStoreArrives, p, i});
      }
      if (status(state, p) != Status::kSleeps) continue;
      if (next(state, p).limited) all.push_back({Action::kTimeOut, p, 0});
      if (get(state, p, Layout::kSpurious) > 0) all.push_back({Action::kWakeForNothing, p, 0});
    }
    return all;
  }
  /// Whether the next step of a process can neither change what others do nor be changed by that,
  /// so that it makes no difference when it happens: it may as well be now. So it is with a choice,
  /// and with a store that only enters the buffer, unless somebody may want the buffer to be empty.
  [[nodiscard]] bool concerns_nobody_else(const State& state, std::size_t process) const {
    if (!can_step(state, process)) return false;
    const auto kind = next(state, process).kind;
    return kind == Kind::kChoose || (kind == Kind::kStore && !has_group_fences_);
  }
  void add_steps(const State& state, std::uint8_t process, std::vector<Action>& all) const {
    if (!can_step(state, process)) return;
    const auto& instruction = next(state, process);
    const bool chooses = instruction.kind == Kind::kChoose;
    const Value choices = chooses ? instruction.value(locals(state, process)) : 1;
    for (Value i = 0; i < choices; ++i) all.push_back({Action::kStep, process, i});
  }
  void add_kill(const State& state, std::uint8_t process, std::vector<Action>& all) const {
    const bool alive = status(state, process) < Status::kEnded;
    if (alive && model_.programs_[process].killable_) all.push_back({Action::kKill, process, 0});
  }

  // --- the graph of states

  void enter(const State& state, Node from) {
    const auto [place, is_new] = numbers_.try_emplace(state, static_cast<Number>(nodes_.size()));
    edges_.push_back(place->second);
    if (!is_new) return;
    from.state = &place->first;
    nodes_.push_back(from);
    if (nodes_.size() > kMostStates) broken_ = "the model has too many states";
  }

  void expand(Number number) {
    const State state = *nodes_[number].state;
    nodes_[number].first_edge = edges_.size();
    const auto possible = actions(state);
    if (possible.empty()) judge_final(state);
    last_ = number;
    for (const auto action : possible) {
      State then = state;
      perform(then, action);
      if (!broken_.empty()) {
        last_action_ = action;
        return;
      }
      enter(then, {.state = nullptr, .parent = number, .action = action});
    }
  }

  void judge_final(const State& state) {
    for (std::size_t p = 0; p < model_.programs_.size(); ++p) {
      const auto now = status(state, p);
      if (now == Status::kSleeps) broken_ = model_.programs_[p].name_ + " sleeps for ever";
      if (now == Status::kRuns) broken_ = model_.programs_[p].name_ + " is stuck";
      if (!broken_.empty()) return;
    }
    broken_ = model_.check_(View(state, layout_));
  }

  /// Depth first: an edge to a state that is on the way to the current one closes a cycle.
  void look_for_cycles() {
    enum : std::uint8_t { kNew, kOnTheWay, kDone };
    std::vector<std::uint8_t> mark(nodes_.size(), kNew);
    std::vector<std::pair<Number, std::size_t>> way{{0, nodes_[0].first_edge}};
    mark[0] = kOnTheWay;
    while (!way.empty()) {
      auto& [number, edge] = way.back();
      const auto end = number + 1 < nodes_.size() ? nodes_[number + 1].first_edge : edges_.size();
      if (edge == end) {
        mark[number] = kDone;
        way.pop_back();
        continue;
      }
      const auto to = edges_[edge++];
      if (mark[to] == kOnTheWay) {
        broken_ = "this can go on for ever";
        last_ = number;
        return;
      }
      if (mark[to] == kNew) {
        mark[to] = kOnTheWay;
        way.emplace_back(to, nodes_[to].first_edge);
      }
    }
  }

  // --- what to print

  [[nodiscard]] std::string trace() const {
    if (nodes_.empty()) return "";
    std::vector<Number> way;
    for (auto number = last_; number != 0; number = nodes_[number].parent) way.push_back(number);
    std::string lines;
    for (auto number = way.rbegin(); number != way.rend(); ++number) {
      const auto& node = nodes_[*number];
      lines += words_of(*nodes_[node.parent].state, node.action) + '\n';
    }
    if (last_action_) lines += words_of(*nodes_[last_].state, *last_action_) + '\n';
    return lines;
  }
  [[nodiscard]] std::string words_of(const State& state, Action action) const {
    const auto p = action.process;
    const auto& name = model_.programs_[p].name_;
    switch (action.what) {
      case Action::kStep:
        return "  " + name + ": " + words_of_step(state, p, action.choice);
      case Action::kStoreArrives: {
        const auto [mark, value] = stored(state, p, action.choice);
        return "      (" + name + "'s " + cell_name(mark & kCellMask) +
               ((mark & kSum) != 0 ? " += " + std::to_string(static_cast<std::int8_t>(value))
                                   : " = " + std::to_string(value)) +
               " arrives)";
      }
      case Action::kKill:
        return "  " + name + " is killed";
      case Action::kTimeOut:
        return "  " + name + ": its time is over";
      case Action::kWakeForNothing:
        return "  " + name + " wakes for nothing";
    }
    std::unreachable();
  }
  [[nodiscard]] std::string words_of_step(const State& state, std::size_t process,
                                          std::uint8_t choice) const {
    const auto& instruction = next(state, process);
    const auto own = locals(state, process);
    const auto cell = instruction.address(own);
    const auto& name = cell_name(cell);
    const auto value = std::to_string(instruction.value(own));
    const auto difference = std::to_string(static_cast<std::int8_t>(instruction.value(own)));
    switch (instruction.kind) {
      case Kind::kLoad:
        return "finds " + name + " = " + std::to_string(loaded(state, process, cell));
      case Kind::kStore:
        return name + " = " + value;
      case Kind::kAdd:
        return name + " += " + difference;
      case Kind::kFence:
        return "fence";
      case Kind::kBeginFences:
        return "membarrier begins";
      case Kind::kEndFences:
        return "membarrier ends";
      case Kind::kSleep:
        return "sleeps if " + name + " is " + value + "; it is " +
               std::to_string(static_cast<Value>(state[cell]));
      case Kind::kWake:
        return "wakes who sleeps on " + name;
      case Kind::kAwait:
        return instruction.words;
      case Kind::kChoose:
        return instruction.words + ": " + std::to_string(choice);
      default:
        return "ends";
    }
  }

  const Model& model_;
  Ordering ordering_;
  Layout layout_;
  bool has_group_fences_ = false;
  std::unordered_map<State, Number> numbers_;
  std::vector<Node> nodes_;
  std::vector<Number> edges_;  ///< of each node those that it leads to, in the order of the nodes
  std::string broken_;
  Number last_ = 0;
  std::optional<Action> last_action_;
};

inline Verdict Model::explore(Ordering ordering) const {
  return Explorer(*this, ordering).run();
}

}  // namespace mvm::model
