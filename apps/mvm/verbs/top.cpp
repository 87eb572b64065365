// SPDX-License-Identifier: GPL-3.0-or-later
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>

#include <mvm/base/clock.hpp>
#include <mvm/base/file.hpp>
#include <mvm/run/group_door.hpp>
#include <mvm/run/known_group.hpp>

#include "arguments.hpp"
#include "complaint.hpp"
#include "group_view.hpp"
#include "table.hpp"
#include "verbs/verbs.hpp"

namespace mvm::cli {
namespace {

constexpr double kShortestPause = 0.1;
constexpr double kLongestPause = 3600;
/// Queues shown where no terminal limits them.
constexpr std::size_t kRows = 20;
/// Lines of a terminal that are not queues: headlines, the blank one, and the cursor's.
constexpr std::size_t kOtherLines = 5;

struct Settings {
  double pause = 1;
  std::uint64_t count = 0;  ///< 0: until the group ends
  std::size_t rows = kRows;
  std::size_t columns = std::string::npos;  ///< longer lines are cut: wrapped, they hide others
  bool refresh = false;                     ///< write over the last table
};

template <typename Number>
std::optional<Number> number_of(const std::string& words) {
  Number number{};
  const auto end = words.data() + words.size();
  const auto [at, problem] = std::from_chars(words.data(), end, number);
  if (problem != std::errc() || at != end || words.empty()) return {};
  return number;
}

Result<Settings> settings_of(const Arguments& arguments) {
  Settings settings;
  settings.refresh = ::isatty(STDOUT_FILENO) != 0;
  if (arguments.has("delay")) {
    const auto pause = number_of<double>(arguments.value("delay"));
    if (!pause || !(*pause >= kShortestPause && *pause <= kLongestPause)) {
      return fail(ErrorCode::kUsage, "--delay '", arguments.value("delay"),
                  "' is no number of seconds from ", kShortestPause, " to ", kLongestPause);
    }
    settings.pause = *pause;
  }
  if (arguments.has("count")) settings.count = *number_of<std::uint64_t>(arguments.value("count"));
  winsize size{};
  if (settings.refresh && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0) {
    settings.rows = std::max<std::size_t>(size.ws_row, kOtherLines + 1) - kOtherLines;
    if (size.ws_col > 0) settings.columns = size.ws_col;
  }
  return settings;
}

/// "1.2k": four characters say enough of a rate.
std::string brief(double value) {
  constexpr const char* kUnits[] = {"", "k", "M", "G", "T"};
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  char words[32];
  const int digits = value < 9.95 && (unit > 0 || value != std::floor(value)) ? 1 : 0;
  std::snprintf(words, sizeof words, "%.*f%s", digits, value, kUnits[unit]);
  return words;
}

std::string percent(double share) {
  return text(static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * 100)), '%');
}

/// What a queue did between two views.
struct Row {
  const QueueView* queue;
  double in = 0;  ///< messages per second
  double out = 0;
  double bytes = 0;
  double drops = 0;
  double sender_blocked = 0;  ///< share of the time
  double receiver_blocked = 0;
};

double per_second(auto later, auto earlier, double seconds) {
  return seconds > 0 && later > earlier ? static_cast<double>(later - earlier) / seconds : 0;
}

std::vector<Row> rows_of(const GroupView& view, const GroupView& last) {
  std::map<std::uint64_t, const QueueView*> before;
  for (const auto& queue : last.queues) before[queue.channel] = &queue;
  const double seconds = view.clock_seconds - last.clock_seconds;
  std::vector<Row> rows;
  for (const auto& queue : view.queues) {
    Row& row = rows.emplace_back(Row{.queue = &queue});
    const auto found = before.find(queue.channel);
    if (found == before.end()) continue;
    const auto& was = *found->second;
    row.in = per_second(queue.enqueued, was.enqueued, seconds);
    row.out = per_second(queue.dequeued, was.dequeued, seconds);
    row.bytes = per_second(queue.payload_bytes, was.payload_bytes, seconds);
    row.drops = per_second(queue.dropped, was.dropped, seconds);
    row.sender_blocked =
        per_second(queue.sender_blocked_seconds, was.sender_blocked_seconds, seconds);
    row.receiver_blocked =
        per_second(queue.receiver_blocked_seconds, was.receiver_blocked_seconds, seconds);
  }
  std::ranges::stable_sort(rows, [](const Row& a, const Row& b) {
    if (a.queue->depth != b.queue->depth) return a.queue->depth > b.queue->depth;
    return a.sender_blocked > b.sender_blocked;
  });
  return rows;
}

std::string task_words(const GroupView& view) {
  std::map<std::string, std::size_t> conditions;
  for (const auto& task : view.tasks) ++conditions[task.condition];
  std::string words;
  for (const auto& [condition, count] : conditions) {
    words += text(words.empty() ? "" : ", ", count, ' ', condition);
  }
  return words;
}

std::string page(const GroupView& view, const GroupView& last, std::size_t most) {
  char ran[32];
  std::snprintf(ran, sizeof ran, "%.1f s", view.run_seconds);
  const auto rows = rows_of(view, last);
  Table table({"FROM", "TO", "TYPE", "DEPTH", "HIGH", "IN/s", "OUT/s", "BYTES/s", "DROPS/s",
               "SEND BLOCKED", "RECV BLOCKED"});
  for (std::size_t i = 0; i < std::min(most, rows.size()); ++i) {
    const Row& row = rows[i];
    table.add({row.queue->from, row.queue->to, row.queue->type, text(row.queue->depth),
               text(row.queue->high_water), brief(row.in), brief(row.out), brief(row.bytes),
               brief(row.drops), percent(row.sender_blocked), percent(row.receiver_blocked)});
  }
  std::string hidden;
  if (rows.size() > most) hidden = text(", ", rows.size() - most, " not shown");
  return text(view.group, ": ", view.state, view.deadlock ? ", deadlock" : "", ", ran ", ran,
              "\ntasks: ", task_words(view), "; queues: ", rows.size(), hidden, "\n\n",
              table.to_string());
}

/// Writes over the last page, line by line, so that nothing flickers.
std::string over_the_last(const std::string& page, std::size_t columns) {
  std::string out = "\033[H";
  std::size_t column = 0;
  for (const char c : page) {
    if (c == '\n') {
      out += column < columns ? "\033[K\n" : "\n";
      column = 0;
    } else if (column < columns) {
      out += c;
      ++column;
    }
  }
  return out + "\033[J";
}

/// Until the next page is due. False when the group has ended or nobody reads any more.
bool pause_for(double seconds, const run::DoorCall& door) {
  const auto until = now() + std::chrono::duration_cast<SteadyTime::duration>(
                                 std::chrono::duration<double>(seconds));
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now()).count();
    if (left <= 0) return true;
    // Nothing is asked, so whatever comes from the door is its end.
    pollfd watched[] = {{door.descriptor(), POLLIN, 0}, {STDOUT_FILENO, 0, 0}};
    ::poll(watched, 2, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (watched[0].revents != 0 || (watched[1].revents & (POLLERR | POLLHUP)) != 0) return false;
  }
}

int watch(const std::string& group, const Settings& settings) {
  auto door = run::DoorCall::to(group);
  if (!door) {
    complain("top", door.error());
    return 1;
  }
  std::optional<GroupView> last;
  for (std::uint64_t shown = 0;;) {
    const auto state = door->ask(run::DoorKind::kAskStatus, kDoorPatience);
    if (!state && state.error().code == ErrorCode::kNotFound && last) return 0;
    const auto view = state ? read_group_view(*state) : Result<GroupView>(fail(state.error()));
    if (!view) {
      complain("top", view.error());
      return 1;
    }
    auto words = page(*view, last ? *last : *view, settings.rows);
    if (settings.refresh) {
      words = (last ? "" : "\033[2J") + over_the_last(words, settings.columns);
    } else if (last) {
      words = "\n" + words;
    }
    if (!write_all(STDOUT_FILENO, words)) return 1;
    last = *view;
    if (++shown == settings.count || !pause_for(settings.pause, *door)) return 0;
  }
}

int top(const Arguments& arguments) {
  const auto settings = settings_of(arguments);
  if (!settings) {
    complain("top", settings.error());
    return 2;
  }
  const auto known = run::find_running_group(arguments.value("GROUP"));
  if (!known) {
    complain("top", known.error());
    return 1;
  }
  return watch(known->group, *settings);
}

}  // namespace

Verb top_verb() {
  return {
      .name = "top",
      .summary = "Watch the queues of a running group",
      .description =
          {"Shows the queues of a running group, the fullest first, then those whose senders are "
           "blocked most: messages in the queue and the most there were, messages and bytes per "
           "second, drops, and which part of the time each end was blocked. On a terminal the "
           "table is refreshed in place; else one table follows the other.",
           "Ends with the group."},
      .positionals = {{.name = "GROUP",
                       .help = "A group id, or the beginning of one. Default: the newest "
                               "group.",
                       .kind = WordKind::kGroup,
                       .required = false}},
      .options = {{.name = "count",
                   .letter = 'n',
                   .value = "COUNT",
                   .help = "Show so many tables, then end.",
                   .kind = WordKind::kNumber},
                  {.name = "delay",
                   .letter = 'd',
                   .value = "SECONDS",
                   .help = "Time between two tables, from 0.1. Default: 1."}},
      .examples = {{"mvm top", "Watch the newest group."},
                   {"mvm top heat-3f9c -n 2 -d 5 | tail -20", "What it did in five seconds."}},
      .exits = {{"0", "The group has ended, or COUNT tables were shown."},
                {"1", "The group does not run, or does not answer."},
                {"2", "Wrong usage."}},
      .run = top,
  };
}

}  // namespace mvm::cli
