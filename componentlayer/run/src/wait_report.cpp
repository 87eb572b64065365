// SPDX-License-Identifier: GPL-3.0-or-later
#include "wait_report.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <mvm/queuelayer/wait_board.hpp>
#include <nlohmann/json.hpp>

namespace mvm::run {

using queue::Awaited;
using queue::DescribedWait;
using queue::GroupWaits;
using queue::is_collective;
using queue::TaskCondition;
using queue::TaskWaits;
using queue::WaitKind;

namespace {

using Json = nlohmann::ordered_json;

/// Text for people names no more than this of anything; waits.json has all.
constexpr std::size_t kMaxNamed = 8;
constexpr std::size_t kMaxLines = 64;

std::string name_of(const GroupWaits& waits, std::uint32_t task) {
  if (task == queue::kOutside) return "programs outside";
  const auto found = std::ranges::lower_bound(waits.tasks, task, {}, &TaskWaits::task);
  return found == waits.tasks.end() || found->task != task ? text("task ", task) : found->name;
}

/// "2.1 s"; waits are told to a tenth.
std::string tenths(Duration time) {
  const auto tenths = std::chrono::round<std::chrono::duration<std::int64_t, std::deci>>(time);
  return text(tenths.count() / 10, '.', tenths.count() % 10, " s");
}

std::string numbers(const Awaited& awaited) {
  return text(" (", awaited.sent, " sent, ", awaited.received, " received)");
}

/// "to receive at port prev from "; nothing where the same is said just before.
std::string operation_words(const Awaited& awaited, const Awaited* before) {
  if (before != nullptr && before->port == awaited.port && before->room == awaited.room) return {};
  return awaited.room ? text("to send at port ", awaited.port, ", for room in the queue to ")
                      : text("to receive at port ", awaited.port, " from ");
}

/// A machine's leader in its team's name: what it sends there are no messages of its task's.
bool is_leaders(const DescribedWait& wait) {
  return wait.place.starts_with(queue::kHiddenMark);
}

std::string awaited_words(const GroupWaits& waits, const DescribedWait& wait) {
  std::string words;
  const auto shown = std::min(wait.awaited.size(), kMaxNamed);
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& awaited = wait.awaited[i];
    words += i == 0 ? "" : is_collective(wait.wait.kind) ? ", " : " or ";
    if (wait.wait.kind == WaitKind::kExchange) {
      words += operation_words(awaited, i == 0 ? nullptr : &wait.awaited[i - 1]);
    }
    words += name_of(waits, awaited.task);
    if (!is_collective(wait.wait.kind) && !is_leaders(wait)) words += numbers(awaited);
  }
  if (wait.awaited_count > shown) words += text(" and ", wait.awaited_count - shown, " more");
  return words;
}

std::string purpose_words(const GroupWaits& waits, const DescribedWait& wait) {
  const auto whom = awaited_words(waits, wait);
  if (is_leaders(wait)) {
    const auto team = wait.place.substr(1, wait.place.rfind('.') - 1);
    return text("in a collective operation of team ", team, ", for ", whom);
  }
  switch (wait.wait.kind) {
    case WaitKind::kReceive:
    case WaitKind::kReceiveAny: {
      const auto place = wait.wait.kind == WaitKind::kReceive ? "port " + wait.place : wait.place;
      return whom.empty() ? text("to receive at ", place)
                          : text("to receive at ", place, " from ", whom);
    }
    case WaitKind::kSend:
      return text("to send ", wait.wait.size, " bytes at port ", wait.place,
                  ", for room in the queue to ", whom);
    case WaitKind::kExchange:
      return whom.empty() ? text("in an exchange at ", wait.place) : text("in an exchange: ", whom);
    case WaitKind::kCollective:
    case WaitKind::kMember:
      return whom.empty() ? text("in collective operation ", wait.wait.size, " of team ",
                                 wait.place, ", where all have come")
                          : text("in collective operation ", wait.wait.size, " of team ",
                                 wait.place, ", for ", whom);
  }
  return {};
}

std::string wait_line(const GroupWaits& waits, const TaskWaits& task, const DescribedWait& wait) {
  return text("  ", task.name, " has waited ", tenths(wait.wait.lasted), ' ',
              purpose_words(waits, wait), wait.wait.limited ? "; it will not wait for ever" : "",
              '\n');
}

std::string names(const GroupWaits& waits, const std::vector<std::uint32_t>& tasks) {
  std::string words;
  const auto shown = std::min(tasks.size(), kMaxNamed);
  for (std::size_t i = 0; i < shown; ++i) {
    words += text(i == 0 ? "" : ", ", name_of(waits, tasks[i]));
  }
  if (tasks.size() > shown) words += text(" and ", tasks.size() - shown, " more");
  return words;
}

bool is_in_knot(const GroupWaits& waits, std::uint32_t task) {
  return std::ranges::any_of(waits.knots, [task](const auto& knot) {
    return std::ranges::find(knot, task) != knot.end();
  });
}

std::string task_lines(const GroupWaits& waits, const TaskWaits& task) {
  std::string lines;
  for (const auto& wait : task.waits) lines += wait_line(waits, task, wait);
  return lines;
}

std::string knot_lines(const GroupWaits& waits, const std::vector<std::uint32_t>& knot) {
  std::string lines;
  for (std::size_t i = 0; i < std::min(knot.size(), kMaxLines); ++i) {
    lines += task_lines(waits, waits.task(knot[i]));
  }
  if (knot.size() > kMaxLines) lines += text("  and ", knot.size() - kMaxLines, " more\n");
  return lines;
}

constexpr std::array<const char*, 6> kWaitNames = {"receive",    "receive any", "send",
                                                   "collective", "collective",  "exchange"};

Json wait_json(const GroupWaits& waits, const DescribedWait& wait) {
  Json json = {{"for", kWaitNames[static_cast<std::size_t>(wait.wait.kind)]},
               {"at", wait.place},
               {"seconds", std::chrono::duration<double>(wait.wait.lasted).count()},
               {"limited", wait.wait.limited},
               {"can_go_on", wait.wait.can_go_on}};
  if (wait.wait.kind == WaitKind::kSend) json["bytes"] = wait.wait.size;
  if (is_collective(wait.wait.kind)) json["operation"] = wait.wait.size;
  json["awaited_count"] = wait.awaited_count;
  auto& list = json["awaited"] = Json::array();
  for (const auto& awaited : wait.awaited) {
    auto& entry = list.emplace_back(Json{{"task", name_of(waits, awaited.task)}});
    if (is_collective(wait.wait.kind)) continue;
    entry["for"] = awaited.room ? "send" : "receive";
    entry["port"] = awaited.port;
    entry["channel"] = awaited.channel;
    entry["sent"] = awaited.sent;
    entry["received"] = awaited.received;
  }
  return json;
}

Json task_json(const GroupWaits& waits, const TaskWaits& task) {
  Json json = {{"task", task.name},       {"id", task.task},
               {"machine", task.machine}, {"condition", queue::to_string(task.condition)},
               {"threads", task.threads}, {"has_children", task.has_children},
               {"waits", Json::array()}};
  for (const auto& wait : task.waits) json["waits"].push_back(wait_json(waits, wait));
  return json;
}

}  // namespace

std::string deadlock_sentence(const GroupWaits& waits) {
  if (waits.knots.empty()) return {};
  const auto& knot = waits.knots.front();
  std::string words = "deadlock: " + name_of(waits, knot.front());
  const auto shown = std::min(knot.size(), kMaxNamed);
  for (std::size_t i = 1; i < shown; ++i) {
    words += text(i == 1 ? "" : ", which", " waits for ", name_of(waits, knot[i]));
  }
  if (knot.size() > shown) {
    return text(words, ", and so on through ", knot.size(), " tasks back to ",
                name_of(waits, knot.front()));
  }
  return text(words, knot.size() == 1 ? " waits for itself"
                                      : text(", which waits for ", name_of(waits, knot.front())));
}

std::string deadlock_words(const GroupWaits& waits) {
  std::string words;
  for (const auto& knot : waits.knots) {
    words += knot.size() == 1
                 ? text("deadlock: ", names(waits, knot), " waits for itself for ever\n")
                 : text("deadlock: ", knot.size(),
                        " tasks wait for each other for ever: ", names(waits, knot), '\n');
    words += knot_lines(waits, knot);
  }
  std::vector<std::uint32_t> others;
  for (const auto& task : waits.tasks) {
    if (task.condition == TaskCondition::kStuck && !is_in_knot(waits, task.task)) {
      others.push_back(task.task);
    }
  }
  if (!others.empty()) {
    words +=
        text("  and ",
             others.size() == 1 ? "1 other task waits" : text(others.size(), " other tasks wait"),
             " for those: ", names(waits, others), '\n');
  }
  return words;
}

std::string wait_words(const GroupWaits& waits) {
  std::string words = deadlock_words(waits);
  std::map<TaskCondition, std::vector<std::uint32_t>> by_condition;
  for (const auto& task : waits.tasks) by_condition[task.condition].push_back(task.task);
  const auto tell = [&](TaskCondition condition, std::string_view what, std::string_view plural) {
    const auto& tasks = by_condition[condition];
    if (tasks.empty()) return;
    words += text(tasks.size(), tasks.size() == 1 ? " task " : " tasks ",
                  tasks.size() == 1 ? what : plural, ": ", names(waits, tasks), '\n');
  };
  tell(TaskCondition::kStarting, "is starting", "are starting");
  tell(TaskCondition::kRuns, "runs", "run");
  tell(TaskCondition::kWaits, "waits for what can still come", "wait for what can still come");
  tell(TaskCondition::kStuck, "can never go on", "can never go on");
  tell(TaskCondition::kEnded, "has ended", "have ended");
  std::size_t lines = 0;
  for (const auto& task : waits.tasks) {
    const bool told = task.condition == TaskCondition::kStuck && is_in_knot(waits, task.task);
    if (task.waits.empty() || told) continue;
    if (++lines > kMaxLines) continue;
    words += task_lines(waits, task);
  }
  if (lines > kMaxLines) {
    words += text("  and ", lines - kMaxLines, " more; 'mvm inspect -o json' shows all\n");
  }
  return words;
}

std::string waits_json(const std::string& group, const GroupWaits& waits) {
  Json json = {{"format", 1},
               {"group", group},
               {"deadlock", !waits.knots.empty()},
               {"knots", Json::array()},
               {"tasks", Json::array()}};
  for (const auto& knot : waits.knots) {
    auto& list = json["knots"].emplace_back(Json::array());
    for (const auto task : knot) list.push_back(name_of(waits, task));
  }
  for (const auto& task : waits.tasks) json["tasks"].push_back(task_json(waits, task));
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace mvm::run
