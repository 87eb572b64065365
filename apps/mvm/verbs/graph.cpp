// SPDX-License-Identifier: GPL-3.0-or-later
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include <mvm/base/file.hpp>
#include <mvm/base/subprocess.hpp>
#include <mvm/base/unique_fd.hpp>
#include <mvm/run/group_door.hpp>
#include <mvm/run/known_group.hpp>
#include <mvm/run/run_directory.hpp>

#include "arguments.hpp"
#include "complaint.hpp"
#include "group_view.hpp"
#include "loaded_profile.hpp"
#include "run_graph.hpp"
#include "verbs/verbs.hpp"

namespace mvm::cli {
namespace {

namespace fs = std::filesystem;

constexpr auto kLayoutTime = std::chrono::minutes(5);
constexpr Bytes kMaxMessages = 64_KiB;
constexpr std::array<std::string_view, 3> kDrawn = {"svg", "png", "pdf"};
constexpr std::array<std::string_view, 2> kWritten = {"dot", "gv"};

/// Beyond this, the default layout takes minutes; the one for large graphs takes seconds.
constexpr std::uint64_t kLargeGraph = 1000;
/// The same, told by the size of a plan.json.
constexpr Bytes kLargePlan = 1_MiB;
constexpr Bytes kMaxPlan = 1_GiB;

std::string extension_of(const fs::path& file) {
  const auto extension = file.extension().string();
  return extension.empty() ? extension : extension.substr(1);
}

bool is_one_of(std::string_view word, const auto& words) {
  return std::ranges::find(words, word) != words.end();
}

/// The graph as a file without a name, for a program that is killed with us to read.
Result<UniqueFd> nameless_file(const std::string& content) {
  UniqueFd fd(::memfd_create("mvm-graph", MFD_CLOEXEC));
  if (!fd) return fail_system("create a memory file");
  if (auto written = write_all(fd.get(), content); !written) return fail(written.error());
  return fd;
}

Result<void> draw(const std::string& dot, const fs::path& picture, bool large) {
  if (!find_program("dot")) {
    return fail(ErrorCode::kNotFound, "drawing ", picture.string(),
                " needs the program 'dot': install graphviz (apt install graphviz), or write the "
                "graph itself with -o FILE.dot");
  }
  const auto source = nameless_file(dot);
  if (!source) return fail(source.error());
  SpawnRequest request;
  request.arguments = {"dot", large ? "-Ksfdp" : "-Kdot", "-T" + extension_of(picture),
                       "-o" + picture.string(), "/dev/fd/3"};
  request.environment = current_environment();
  request.descriptors = {{source->get(), 3}};
  const auto drawn = run_guarded(std::move(request), kLayoutTime, kMaxMessages);
  if (!drawn) return fail(drawn.error());
  if (drawn->timed_out) {
    return fail(ErrorCode::kTimedOut, "Graphviz did not lay the graph out within ",
                to_string(Duration(kLayoutTime)),
                "; write it with -o FILE.dot and choose a layout");
  }
  if (!drawn->status.success()) {
    return fail(ErrorCode::kSystem, "Graphviz could not draw ", picture.string(), ": ",
                drawn->errors);
  }
  return {};
}

struct Graph {
  std::string dot;
  bool large = false;
};

/// The group whose graph is meant: its run directory, or its id where no profile has that name.
std::optional<run::KnownGroup> group_in(const std::string& words) {
  std::error_code ignored;
  const bool exists = fs::exists(words, ignored);
  if (words.empty() || (exists && !fs::exists(fs::path(words) / "plan.json", ignored))) return {};
  auto known = run::find_group(exists ? fs::absolute(words).string() : words);
  if (!known) return {};
  return *known;
}

/// What its tasks wait for now, or waited for when a deadlock was found; empty: neither.
std::string waits_of(const run::KnownGroup& known) {
  if (known.state == run::GroupState::kRunning) {
    if (auto door = run::DoorCall::to(known.group)) {
      if (auto waits = door->ask(run::DoorKind::kAskWaits, kDoorPatience)) return *waits;
    }
  }
  return read_file(known.path / run::kWaitsFile, kMaxPlan).value_or(std::string());
}

std::optional<Graph> graph_of(const run::KnownGroup& known) {
  const auto plan = read_file(known.path / "plan.json", kMaxPlan);
  auto dot = plan ? run_dot(*plan, waits_of(known)) : Result<std::string>(fail(plan.error()));
  if (!dot) {
    complain("graph", dot.error());
    return {};
  }
  return Graph{std::move(*dot), plan->size() > kLargePlan.count};
}

/// Complaints are written; then there is no value.
std::optional<Graph> graph_of(const Arguments& arguments) {
  if (const auto known = group_in(arguments.value("PROFILE"))) return graph_of(*known);
  const auto& words = arguments.value("PROFILE");
  std::error_code ignored;
  const bool is_id = !words.empty() && words.find_first_of("/.") == std::string::npos;
  if (is_id && !fs::exists(words, ignored)) {
    const auto known = run::find_group(words);
    if (known) return graph_of(*known);
    complain(text("mvm graph: no profile '", words, "' is there, and ", known.error().message));
    return {};
  }
  const auto loaded = load_profile("graph", arguments);
  if (!loaded) return {};
  return Graph{model::plan_dot(loaded->profile, loaded->plan),
               loaded->plan.figures.tasks > kLargeGraph};
}

int graph(const Arguments& arguments) {
  const fs::path file = arguments.value("output");
  const auto extension = extension_of(file);
  const bool drawn = is_one_of(extension, kDrawn);
  if (!file.empty() && !drawn && !is_one_of(extension, kWritten)) {
    complain(text("mvm graph: -o ", file.string(),
                  ": the ending decides what is written; use .dot, .gv, .svg, .png or .pdf"));
    return 2;
  }
  const auto graph = graph_of(arguments);
  if (!graph) return 1;
  const auto done = file.empty() ? write_all(STDOUT_FILENO, graph->dot)
                    : drawn      ? draw(graph->dot, file, graph->large)
                                 : write_file_atomically(file, graph->dot);
  if (!done) {
    complain("graph", done.error());
    return 1;
  }
  return 0;
}

}  // namespace

Verb graph_verb() {
  return {
      .name = "graph",
      .summary = "Draw the topology of a profile and its placement",
      .description = {"Writes the tasks and edges as a graph in the DOT language, a frame around "
                      "the tasks of each machine, a colour for each job. With -o FILE.svg, .png or "
                      ".pdf the graph is laid out and drawn by the program 'dot'.",
                      "Instead of a profile, a run directory or the id of a group may be given: "
                      "then tasks that wait for each other and can never go on are red, and so are "
                      "the edges that they wait at, with the numbers of messages sent and "
                      "received."},
      .positionals = {profile_positional()},
      .options = {parameter_option(),
                  {.name = "output",
                   .letter = 'o',
                   .value = "FILE",
                   .help = "Write to FILE; its ending (.dot, .gv, .svg, .png, .pdf) chooses the "
                           "form. Default: DOT on standard output.",
                   .kind = WordKind::kFile}},
      .examples = {{"mvm graph examples/heat -o heat.svg", "Draw a picture."},
                   {"mvm graph examples/heat -p side=3 | less", "Read the graph itself."},
                   {"mvm graph heat-3f9c -o waits.svg", "Who waits for whom in a group?"}},
      .exits = {{"0", "The graph was written."},
                {"1", "The profile is not valid, or the picture could not be drawn."},
                {"2", "Wrong usage."}},
      .run = graph,
  };
}

}  // namespace mvm::cli
