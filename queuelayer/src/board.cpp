// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/board.hpp>

#include <sched.h>

#include <algorithm>
#include <limits>

#include <mvm/queuelayer/waiter.hpp>

namespace mvm::queue {
namespace {

/// Looks at a seat on a core of one's own: some 15 us, more than two members on two cores need.
/// The waiter spins once more before it sleeps.
constexpr std::uint32_t kSpinRounds = 500;
/// Hand-overs of a shared core. A member meets all others when each of them had one turn, so there
/// are as many as tasks that commonly share a core.
constexpr std::uint32_t kYieldRounds = 16;

constexpr std::uint32_t kNoOwner = std::numeric_limits<std::uint32_t>::max();

}  // namespace

Board::Board(const Arena& arena, EndpointRecord& endpoint, const TeamRecord& team, SenderHeap& heap)
    : arena_(arena), heap_(heap), endpoint_(endpoint), team_(team) {}

Result<std::unique_ptr<Board>> Board::open(const Arena& arena, std::uint32_t endpoint,
                                           std::uint32_t membership, SenderHeap& heap) {
  auto& record = arena.endpoint(endpoint);
  const auto memberships = arena.list<MembershipRecord>(record.teams);
  const auto teams = arena.list<TeamRecord>(arena.header().teams);
  if (membership >= memberships.size() || memberships[membership].team >= teams.size()) {
    return fail(ErrorCode::kArena, "the arena has no team ", membership, " of this task");
  }
  std::unique_ptr<Board> board(new Board(arena, record, teams[memberships[membership].team], heap));
  if (!board->adopt(membership, memberships[membership].index)) {
    return fail(ErrorCode::kArena, "the arena's tables of team ", membership,
                " do not hold together");
  }
  board->left_ = false;
  return board;
}

bool Board::adopt(std::uint32_t membership, std::uint32_t index) {
  const auto endpoints = arena_.list<std::uint32_t>(team_.endpoints);
  const auto machines = arena_.list<std::uint32_t>(team_.machines);
  endpoints_.assign(endpoints.begin(), endpoints.end());
  machines_.assign(machines.begin(), machines.end());
  seen_at_.assign(machines_.size(), 0);
  membership_ = membership;
  index_ = index;
  root_ = team_.root;
  machine_ = arena_.header().machine;
  const auto members = machines_.size();
  const auto known = [this](std::uint32_t endpoint) { return endpoint < arena_.endpoint_count(); };
  if (endpoints_.size() != members || index_ >= members || root_ >= members ||
      machines_[index_] != machine_ || !std::ranges::all_of(endpoints_, known)) {
    return false;
  }
  const auto lines = std::uint64_t{sleeper_lines(members)};
  seats_ = reinterpret_cast<Seat*>(arena_.find(team_.seats, members * sizeof(Seat)));
  sleepers_ =
      reinterpret_cast<SleeperLine*>(arena_.find(team_.sleepers, lines * sizeof(SleeperLine)));
  for (std::uint32_t member = 0; member < members; ++member) {
    if (is_local(member)) locals_.push_back(member);
  }
  leader_ = locals_.front();
  waiters_fence_ = std::ranges::all_of(
      locals_, [this](auto member) { return endpoint_of(member).ringers_fence == 0; });
  several_machines_ = locals_.size() < members;
  find_owners();
  return seats_ != nullptr && sleepers_ != nullptr && team_.seats % alignof(Seat) == 0 &&
         team_.sleepers % alignof(SleeperLine) == 0;
}

void Board::find_owners() {
  const auto first = *std::ranges::min_element(machines_);
  owner_rank_.assign(machines_.size(), kNoOwner);
  for (std::uint32_t member = 0; member < machines_.size(); ++member) {
    if (machines_[member] == first) owner_rank_[member] = possible_owners_++;
  }
}

std::string Board::name_of(std::uint32_t member) const {
  if (is_local(member)) return std::string(arena_.words(endpoint_of(member).name));
  // The first team is everyone; the others are those of a job each, in the order of its tasks.
  const auto position = std::to_string(member);
  const auto teams = arena_.list<TeamRecord>(arena_.header().teams);
  return &team_ == teams.data() ? "task " + position + " of all"
                                : std::string(name()) + "[" + position + "]";
}

bool Board::plays(Part part, std::uint32_t owners, std::uint32_t member) const {
  switch (part) {
    case Part::kEveryone:
      return true;
    case Part::kRoot:
      return member == root_;
    case Part::kOwners:
      return owner_rank_[member] < owners;
  }
  return false;
}

void Board::begin(Call call, const Pattern& pattern) {
  previous_call_ = call_;
  call_ = call;
  pattern_ = pattern;
  ++operation_;
  seen_ = 0;
}

std::byte* Board::reserve(std::uint64_t length) {
  Shown& shown = own_[operation_ & 1];
  if (shown.operation != operation_) clear(shown);
  return take_memory(current(index_), shown, length);
}

std::byte* Board::reserve_for(std::uint32_t member, std::uint64_t length) {
  Shown& shown = filled_[operation_ & 1];
  if (shown.operation != operation_) clear(shown);
  return take_memory(current(member), shown, length);
}

std::byte* Board::take_memory(Contribution& contribution, Shown& shown, std::uint64_t length) {
  shown.operation = operation_;
  shown.pattern = pattern_;
  contribution.length = length;
  if (length <= kSeatBytes) return contribution.inline_bytes;
  const auto at = heap_.allocate(length);
  if (!at) return nullptr;
  shown.blocks.push_back({*at, length});
  contribution.at = *at;
  return arena_.base() + *at;
}

void Board::publish() {
  show(current(index_), call_, previous_call_);
  kept_ = contribution(index_);
  wake(1 + index_);
}

void Board::publish_for(std::uint32_t member, Call call, Call previous) {
  show(current(member), call, previous);
  wake(1 + member);
}

/// The release store makes all that was written before it visible to whoever reads the number.
void Board::show(Contribution& contribution, Call call, Call previous) {
  contribution.call = call;
  contribution.previous_call = previous;
  contribution.operation.store(operation_, std::memory_order_release);
}

/// Waits until all who may read what was shown in an earlier operation need it no more, and takes
/// its memory back. A member that saw all others arrive in a later operation need not look.
void Board::clear(Shown& shown) {
  if (shown.operation > settled_) {
    for (const auto member : locals_) {
      if (member == index_ || !looks_at(shown.pattern, member)) continue;
      wait_until_finished(member, shown.operation);
    }
  }
  for (const auto& block : shown.blocks) heap_.free(block.at, block.length);
  shown.blocks.clear();
}

/// Leaders also look at what they carry to other machines.
bool Board::looks_at(const Pattern& pattern, std::uint32_t reader) const {
  return plays(pattern.readers, pattern.owners, reader) || (several_machines_ && reader == leader_);
}

void Board::wait_until_finished(std::uint32_t member, std::uint64_t operation) {
  // Who is gone reads nothing any more.
  const auto done = [&] {
    return seats_[member].finished.load(std::memory_order_acquire) >= operation || is_gone(member);
  };
  if (!wait_awake(done)) sleep_until(kAwaitsFinish | (1 + member), WaitKind::kMember, done);
}

Board::Met Board::wait_for(std::uint32_t member) {
  if (member == index_) return Met::kReady;
  // Whether it will come at all is asked before the first sleep: to ask takes lines from the
  // others.
  if (!wait_awake([&] { return has_arrived(member); })) {
    // Members tend to arrive in some order. To sleep for the next one each time would mean to be
    // woken by all of them; for any of those still missing, by few.
    const auto kind = needs_only(member) ? WaitKind::kMember : WaitKind::kCollective;
    while (const auto other = missing(member, false)) {
      std::optional<std::uint32_t> hopeless;
      sleep_until(1 + *other, kind, [&] {
        return has_arrived(*other) || (hopeless = missing(member, true)).has_value();
      });
      if (hopeless) return judge(*hopeless);
    }
  }
  return judge(member);
}

/// Whether this one must wait for that member, in an operation in which it wants `wanted`. A leader
/// fills the seats of members elsewhere itself.
bool Board::needs(std::uint32_t member, std::uint32_t wanted) const {
  if (member == index_ || (index_ == leader_ && !is_local(member))) return false;
  return member == wanted || reads(pattern_, index_, member);
}

/// Then nobody else can end the wait.
bool Board::needs_only(std::uint32_t wanted) const {
  for (std::uint32_t member = 0; member < count(); ++member) {
    if (member != wanted && needs(member, wanted)) return false;
  }
  return true;
}

/// Some member that this one still waits for, `wanted` among them; or only one of those that will
/// not come.
std::optional<std::uint32_t> Board::missing(std::uint32_t wanted, bool without_hope) {
  const auto members = count();
  stir_ = stir_ * 1664525 + 1013904223 + index_;
  const auto start = static_cast<std::uint32_t>((std::uint64_t{stir_} * members) >> 32);
  for (std::uint32_t i = 0; i < members; ++i) {
    const auto member = (start + i) % members;
    if (!needs(member, wanted)) continue;
    // Who is gone may have contributed just before: whether it has is looked at last.
    if (without_hope && !will_not_come(member)) continue;
    if (!has_arrived(member)) return member;
  }
  return {};
}

bool Board::is_gone(std::uint32_t member) const {
  if (seats_[member].gone.load(std::memory_order_acquire) != 0) return true;
  return is_local(member) && endpoint_of(member).state.load(std::memory_order_acquire) ==
                                 static_cast<std::uint32_t>(EndpointState::kEnded);
}

/// True when a member that has not arrived never will. Members elsewhere come through the leader,
/// who looks at their seats only after filling them.
bool Board::will_not_come(std::uint32_t member) const {
  const auto carrier = is_local(member) ? member : leader_;
  if (carrier == index_ || is_gone(carrier)) return true;
  return seats_[carrier].finished.load(std::memory_order_acquire) >= operation_ ||
         current(member).operation.load(std::memory_order_acquire) > operation_;
}

template <typename Done>
bool Board::wait_awake(Done&& done) const {
  if (done()) return true;
  if (FiberHost::of_this_thread() != nullptr) return false;  // its worker has others to run
  const bool shares_core = endpoint_.shares_core != 0;
  for (auto rounds = shares_core ? kYieldRounds : kSpinRounds; rounds > 0; --rounds) {
    if (shares_core) {
      ::sched_yield();
    } else {
      pause_core();
    }
    if (done()) return true;
  }
  return false;
}

/// Tells whom it sleeps for before it looks for the last time. The fences in `wait` and in `wake`
/// order each side's store before its load, so at least one sees the other: either this member
/// finds what it waits for, or that member finds it among the sleepers.
template <typename Done>
void Board::sleep_until(std::uint32_t awaited, WaitKind kind, Done&& done) {
  auto& mine = awaits(index_);
  mine.store(awaited, std::memory_order_relaxed);
  fence_if_fiber();
  const auto member = (awaited & ~kAwaitsFinish) - 1;
  std::uint64_t changes = 0;
  std::int64_t blocked_ns = 0;
  Waiter waiter(endpoint_, arena_.header().clock);
  waiter.wait(
      ButForMessages{[&] {
        changes = seat_changes(seats_[member]);
        return done();
      }},
      kNoDeadline,
      [&] {
        return WaitSubject{.kind = kind,
                           .subject = membership_,
                           .channel = member,
                           .size = operation_,
                           .seen = changes,
                           .pending = {}};
      },
      blocked_ns);
  mine.store(0, std::memory_order_relaxed);
}

/// Rings those who sleep for this.
void Board::wake(std::uint32_t awaited) const {
  if (locals_.size() == 1) return;
  fence_for_waiters(waiters_fence_);
  for (const auto member : locals_) {
    if (awaits(member).load(std::memory_order_relaxed) == awaited) ring(endpoint_of(member));
  }
}

void Board::ring_all() const {
  for (const auto member : locals_) ring(endpoint_of(member));
}

Board::Met Board::judge(std::uint32_t member) {
  return has_arrived(member) ? judge_call(member) : judge_absence(member);
}

Board::Met Board::judge_call(std::uint32_t member) {
  const auto& there = current(member);
  if (there.call != call_) {
    culprit_ = {member, true, there.call, call_, operation_};
    return Met::kElsewhere;
  }
  if (there.previous_call != previous_call_) {
    culprit_ = {member, true, there.previous_call, previous_call_, operation_ - 1};
    return Met::kElsewhere;
  }
  if (there.length > kSeatBytes &&
      (there.length > kMaxContribution || arena_.find(there.at, there.length) == nullptr)) {
    culprit_ = {member, false, 0, call_, operation_};
    return Met::kCorrupt;
  }
  if (is_local(member) && seen_at_[member] != operation_) {
    seen_at_[member] = operation_;
    ++seen_;
  }
  return Met::kReady;
}

Board::Met Board::judge_absence(std::uint32_t member) {
  const auto carrier = is_local(member) ? member : leader_;
  culprit_ = {carrier == index_ ? member : carrier, false, 0, call_, operation_};
  const auto& seat = seats_[carrier];
  const auto finished = seat.finished.load(std::memory_order_acquire);
  if (carrier == index_ || finished >= operation_) {
    culprit_.knows_calls = carrier != index_ && finished < operation_ + kRememberedCalls;
    culprit_.its_call = seat.calls[operation_ % kRememberedCalls].load(std::memory_order_relaxed);
    return Met::kElsewhere;
  }
  return is_gone(carrier) ? Met::kGone : Met::kElsewhere;
}

std::span<const std::byte> Board::contribution(std::uint32_t member) const {
  if (member == index_ && kept_) return *kept_;
  const auto& there = current(member);
  const auto length = there.length;
  if (length <= kSeatBytes) return {there.inline_bytes, length};
  const auto* bytes = arena_.find(there.at, length);
  if (bytes == nullptr) return {};
  return {bytes, length};
}

Call Board::call_of(std::uint32_t member) const {
  return current(member).call;
}
Call Board::previous_call_of(std::uint32_t member) const {
  return current(member).previous_call;
}

void Board::finish() {
  // Whoever contributed to this operation has finished the one before.
  if (seen_ + 1 == locals_.size()) settled_ = operation_ - 1;
  kept_.reset();
  auto& seat = seats_[index_];
  seat.calls[operation_ % kRememberedCalls].store(call_, std::memory_order_relaxed);
  seat.finished.store(operation_, std::memory_order_release);
  wake(kAwaitsFinish | (1 + index_));
  wake_disappointed();
}

/// Rings those who sleep for a contribution that will not come now: this member's, when it passed
/// by without one, or, when it is the leader, one from elsewhere that it did not bring.
void Board::wake_disappointed() const {
  const bool contributed = current(index_).operation.load(std::memory_order_relaxed) == operation_;
  if (!contributed) wake(1 + index_);
  if (!several_machines_ || index_ != leader_) return;
  for (const auto member : locals_) {
    const auto awaited = awaits(member).load(std::memory_order_relaxed);
    if (awaited == 0 || (awaited & kAwaitsFinish) != 0 || is_local(awaited - 1)) continue;
    ring(endpoint_of(member));
  }
}

void Board::leave() {
  if (left_) return;
  left_ = true;
  seats_[index_].gone.store(1, std::memory_order_release);
  ring_all();
}

}  // namespace mvm::queue
