// SPDX-License-Identifier: Apache-2.0
#include "team_member.hpp"

#include <algorithm>
#include <cstring>

#include "task.hpp"

namespace mvm {
namespace {

using queue::Board;

// What leaders send to each other: parts, of some entries each.
struct PartHeader {
  std::uint64_t operation;
  std::uint32_t entries;
  std::uint32_t last;  ///< 1: nothing more of this operation
};
struct EntryHeader {
  std::uint32_t member;
  queue::Call call;
  queue::Call previous_call;
  std::uint32_t unused;
  std::uint64_t length;
};

/// A part is sent when it has so much, so that the parts of large operations overlap on the way.
constexpr std::size_t kPartBytes = 4 << 20;

constexpr const char* kKindWords[] = {"nothing",    "barrier", "broadcast",      "reduce",
                                      "all_reduce", "scan",    "exclusive_scan", "gather",
                                      "all_gather", "scatter", "all_to_all"};
constexpr const char* kCombineWords[] = {"",       "sum",         "product",          "min",
                                         "max",    "logical_and", "logical_or",       "bit_and",
                                         "bit_or", "bit_xor",     "its own operation"};
constexpr const char* kTypeWords[] = {
    "bytes",           "signed integers",    "unsigned integers", "floating point numbers",
    "booleans",        "characters",         "structures",        "composites",
    "complex numbers", "values with a codec"};

// A call: 4 bits of kind, 4 of combining operation, 4 of the type's kind, 20 of its size or hash.
constexpr std::uint32_t kKindShift = 28;
constexpr std::uint32_t kCombineShift = 24;
constexpr std::uint32_t kTypeShift = 20;
constexpr std::uint32_t kTypeSize = (1u << kTypeShift) - 1;

template <std::size_t N>
std::string word(const char* const (&words)[N], std::uint32_t at) {
  return at < N ? words[at] : "?";
}

std::string describe(queue::Call call) {
  const auto kind = call >> kKindShift;
  auto words = word(kKindWords, kind);
  if (const auto combine = call >> kCombineShift & 15) {
    words += "(" + word(kCombineWords, combine) + ")";
  }
  if (kind <= static_cast<std::uint32_t>(detail::Collective::kBarrier)) return words;
  const auto type = static_cast<detail::Kind>(call >> kTypeShift & 15);
  const auto size = call & kTypeSize;
  words += " of ";
  const bool sized = type != detail::Kind::kBytes && type != detail::Kind::kComposite &&
                     type != detail::Kind::kOwn;
  if (sized) words += std::to_string(size) + "-byte ";
  words += word(kTypeWords, static_cast<std::uint32_t>(type));
  if (!sized && size != 0) words += " (kind " + std::to_string(size) + ")";
  return words;
}

void append(std::vector<std::byte>& to, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::byte*>(data);
  to.insert(to.end(), bytes, bytes + size);
}

std::uint64_t length_at(std::span<const std::byte> contribution, std::uint32_t block) {
  std::uint64_t length = 0;
  std::memcpy(&length, contribution.data() + block * sizeof length, sizeof length);
  return length;
}

/// A contribution in blocks without those that nobody wants.
template <typename Wanted>
std::vector<std::byte> crop(std::span<const std::byte> contribution, std::uint32_t members,
                            Wanted&& wanted) {
  std::vector<std::byte> cropped;
  if (contribution.size() < members * sizeof(std::uint64_t)) return cropped;
  for (std::uint32_t block = 0; block < members; ++block) {
    auto length = length_at(contribution, block);
    if (!wanted(block)) length |= kLeftOut;
    append(cropped, &length, sizeof length);
  }
  for (std::uint32_t block = 0; block < members; ++block) {
    if (!wanted(block)) continue;
    if (const auto bytes = block_for(block, members, contribution)) {
      append(cropped, bytes->data(), bytes->size());
    }
  }
  return cropped;
}

}  // namespace

std::optional<std::span<const std::byte>> block_for(std::uint32_t reader, std::uint32_t members,
                                                    std::span<const std::byte> contribution) {
  auto at = members * sizeof(std::uint64_t);
  if (contribution.size() < at) return {};
  for (std::uint32_t block = 0; block <= reader; ++block) {
    const auto length = length_at(contribution, block);
    if ((length & kLeftOut) != 0) {
      if (block == reader) return {};
      continue;
    }
    if (length > contribution.size() - at) return {};
    if (block == reader) return contribution.subspan(at, length);
    at += length;
  }
  return {};
}

queue::Call make_call(detail::Collective kind, detail::Combine combine, std::uint32_t type) {
  return static_cast<std::uint32_t>(kind) << kKindShift |
         static_cast<std::uint32_t>(combine) << kCombineShift |
         (static_cast<std::uint32_t>(detail::kind_of(type)) & 15) << kTypeShift |
         (type & kTypeSize);
}

Team* TeamAccess::make(TeamMember* member) {
  auto* team = new Team();
  team->state_ = member;
  return team;
}

void TeamAccess::destroy(Team* team) {
  delete team;
}

TeamMember::TeamMember(Task& task, std::unique_ptr<Board> board)
    : task_(task), board_(std::move(board)), team_(TeamAccess::make(this)) {
  if (board_->locals().size() == board_->count() || board_->leader() != board_->index()) return;
  tree_.emplace(*board_);
  const auto hidden = "@" + std::string(board_->name());
  const auto port = [&](const std::string& name) { return task.hidden_port(hidden + name); };
  if (tree_->has_parent()) up_ = port(".up");
  for (const auto which : {0u, 1u}) {
    if (tree_->child(which)) down_[which] = port(".down" + std::to_string(which));
  }
}

TeamMember::~TeamMember() {
  leave();
  TeamAccess::destroy(team_);
}

const std::string& TeamMember::task_name() const {
  return task_.name();
}

void TeamMember::leave() {
  if (left_) return;
  left_ = true;
  board_->leave();
  for (Port* port : {up_, down_[0], down_[1]}) {
    if (port != nullptr) port->close();
  }
}

Operation::Operation(TeamMember& member, queue::Call call, const queue::Pattern& pattern,
                     bool in_blocks)
    : member_(member), board_(member.board()), pattern_(pattern), in_blocks_(in_blocks) {
  if (member.has_left()) {
    throw closed(member.task_name() + ": the team " + std::string(board_.name()) +
                 " cannot be used any more, after one of its operations failed");
  }
  board_.begin(call, pattern);
}

Operation::~Operation() {
  if (!finished_) member_.leave();
}

/// False when nobody but this member reads what it contributes.
bool Operation::has_readers() const {
  switch (pattern_.readers) {
    case queue::Part::kEveryone:
      return board_.index() + 1 < board_.count() || (!pattern_.only_lower && board_.count() > 1);
    case queue::Part::kRoot:
      return board_.index() != board_.root();
    case queue::Part::kOwners:
      return pattern_.owners > 1 || board_.owner_rank(board_.index()) != 0;
  }
  return true;
}

void Operation::give(std::span<const std::byte> bytes) {
  if (has_readers()) {
    std::byte* memory = reserve(bytes.size());
    if (!bytes.empty()) std::memcpy(memory, bytes.data(), bytes.size());
    show();
  }
  board_.keep(bytes);
}

std::byte* Operation::reserve(std::uint64_t length) {
  if (length > Board::kMaxContribution) {
    refuse("a contribution of " + std::to_string(length) + " bytes is over the limit of " +
           std::to_string(Board::kMaxContribution) + "; give it in parts");
  }
  std::byte* memory = board_.reserve(length);
  if (memory == nullptr) {
    refuse("there is no room for " + std::to_string(length) +
           " bytes beside what this task has under way; give it in parts");
  }
  return memory;
}

void Operation::show() {
  board_.publish();
}

void Operation::wait_for(std::uint32_t writer) {
  const auto met = board_.wait_for(writer);
  if (met != Board::Met::kReady) refuse(met);
}

std::span<const std::byte> Operation::of(std::uint32_t writer) {
  wait_for(writer);
  return board_.contribution(writer);
}

void Operation::finish() {
  board_.finish();
  finished_ = true;
}

/// First what comes from below, then what goes up; then what comes from above, then what goes down.
/// All leaders do it in this order, so what one sends the other is about to receive.
void Operation::carry() {
  const auto& tree = member_.tree();
  if (!tree) return;
  for (const auto which : {0u, 1u}) {
    if (const auto child = tree->child(which)) {
      receive(*member_.down(which), tree->crossing(pattern_, *child, true));
    }
  }
  if (tree->has_parent()) {
    const auto own = tree->own();
    send(*member_.up(), tree->crossing(pattern_, own, true), own, true);
    receive(*member_.up(), tree->crossing(pattern_, own, false));
  }
  for (const auto which : {0u, 1u}) {
    if (const auto child = tree->child(which)) {
      send(*member_.down(which), tree->crossing(pattern_, *child, false), *child, false);
    }
  }
}

/// Sends these members' contributions over the edge above `top`.
void Operation::send(Port& port, const std::vector<std::uint32_t>& writers, std::uint32_t top,
                     bool upwards) {
  const auto is_far = [&](std::uint32_t reader) {
    return member_.tree()->is_below(top, reader) != upwards;
  };
  std::vector<std::byte> part(sizeof(PartHeader));
  std::uint32_t entries = 0;
  for (std::size_t i = 0; i < writers.size(); ++i) {
    wait_for(writers[i]);
    auto bytes = board_.contribution(writers[i]);
    std::vector<std::byte> cropped;
    if (in_blocks_) bytes = cropped = crop(bytes, board_.count(), is_far);
    const EntryHeader entry{.member = writers[i],
                            .call = board_.call_of(writers[i]),
                            .previous_call = board_.previous_call_of(writers[i]),
                            .unused = 0,
                            .length = bytes.size()};
    append(part, &entry, sizeof entry);
    append(part, bytes.data(), bytes.size());
    ++entries;
    const bool last = i + 1 == writers.size();
    if (!last && part.size() < kPartBytes) continue;
    const PartHeader header{board_.operation(), entries, last ? 1u : 0u};
    std::memcpy(part.data(), &header, sizeof header);
    try {
      detail::send(port, part.data(), part.size(), 0, {});
    } catch (const closed&) {
      refuse_end();
    }
    part.resize(sizeof(PartHeader));
    entries = 0;
  }
}

/// Fills these members' seats with what the other leader sends.
void Operation::receive(Port& port, const std::vector<std::uint32_t>& writers) {
  if (writers.empty()) return;
  for (bool last = false; !last;) {
    detail::Block block;
    if (detail::receive(port, block, detail::kForever) != detail::Got::kMessage) refuse_end();
    last = unpack(Message(block), writers);
  }
}

/// True when it was the last part.
bool Operation::unpack(const Message& message, const std::vector<std::uint32_t>& writers) {
  std::span<const std::byte> rest(static_cast<const std::byte*>(message.data()), message.size());
  const auto take = [&](void* to, std::size_t size) {
    if (rest.size() < size) refuse("another machine's leader sent a part that ends too early");
    std::memcpy(to, rest.data(), size);
    rest = rest.subspan(size);
  };
  PartHeader header{};
  take(&header, sizeof header);
  for (std::uint32_t i = 0; i < header.entries; ++i) {
    EntryHeader entry{};
    take(&entry, sizeof entry);
    if (header.operation != board_.operation()) {
      refuse(board_.name_of(std::min(entry.member, board_.count() - 1)) + " called " +
             describe(entry.call) + " as operation " + std::to_string(header.operation) +
             ", which this task had not to wait for; all members must call the same operations "
             "in the same order");
    }
    if (!std::ranges::binary_search(writers, entry.member) || entry.length > rest.size()) {
      refuse("another machine's leader sent what belongs to no member");
    }
    std::byte* memory = board_.reserve_for(entry.member, entry.length);
    if (memory == nullptr) {
      refuse("there is no room for " + std::to_string(entry.length) +
             " bytes from another machine beside what this task has under way; give them in parts");
    }
    take(memory, entry.length);
    board_.publish_for(entry.member, entry.call, entry.previous_call);
  }
  return header.last != 0;
}

/// The leader of another machine is gone, or gave up because one of its members was.
void Operation::refuse_end() const {
  throw closed(member_.task_name() + ": a member on another machine ended without calling " +
               describe(board_.call()) + ", operation " + std::to_string(board_.operation()) +
               " of team " + std::string(board_.name()));
}

void Operation::refuse(Board::Met met) const {
  const auto& culprit = board_.culprit();
  const auto other = board_.name_of(culprit.member);
  const auto where =
      "operation " + std::to_string(culprit.operation) + " of team " + std::string(board_.name());
  if (met == Board::Met::kGone) {
    throw closed(member_.task_name() + ": " + other + " ended without calling " +
                 describe(culprit.own_call) + ", " + where);
  }
  if (met == Board::Met::kCorrupt) {
    refuse("the place of " + other +
           " was overwritten by some task of this group; look for a "
           "write past an array's end");
  }
  throw error(
      member_.task_name() + ": called " + describe(culprit.own_call) + " as " + where + ", but " +
      other +
      (culprit.knows_calls ? " called " + describe(culprit.its_call) : " called something else") +
      "; all members must call the same operations in the same order, on the same types");
}

void Operation::refuse(const std::string& reason) const {
  throw error(member_.task_name() + ": operation " + std::to_string(board_.operation()) +
              " of team " + std::string(board_.name()) + ": " + reason);
}

}  // namespace mvm
