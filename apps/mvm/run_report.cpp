// SPDX-License-Identifier: GPL-3.0-or-later
#include "run_report.hpp"

#include <unistd.h>

#include <csignal>

#include "complaint.hpp"
#include "json_line.hpp"
#include "patient_output.hpp"
#include "tagged_output.hpp"
#include "terminal.hpp"

namespace mvm::cli {
namespace {

using Stream = run::RunDirectory::Stream;

void stop_this_run() {
  ::kill(::getpid(), SIGTERM);
}

std::string failure_words(const run::GroupOutcome& outcome) {
  auto words = text(" (exit status ", outcome.exit_status, ")");
  if (!outcome.cause.empty()) words += ": " + outcome.cause;
  return words;
}

/// For people: the tasks' lines, then one line about the group.
class LineReport : public RunReport {
 public:
  explicit LineReport(const ReportStyle& style)
      : quiet_(style.quiet), output_(style.tags, style.interrupt), progress_(style.quiet) {}

  void on_state(run::GroupState state) override {
    if (state < run::GroupState::kRunning)
      progress_.show(to_string(state));
    else
      progress_.clear();
  }

  void on_output(const queue::TaskSpec& task, Stream stream, std::string_view bytes) override {
    if (stopped_) return;
    progress_.clear();
    const int fd = stream == Stream::kOutput ? STDOUT_FILENO : STDERR_FILENO;
    if (output_.write(fd, task.name(), task.id, bytes)) return;
    stopped_ = true;
    if (!output_.interrupted()) stop_this_run();
  }

  void on_deadlock(const queue::GroupWaits&, std::string_view words) override {
    output_.end_line();
    progress_.clear();
    complain(words);
  }

  void on_waiting_port(std::string_view group, const run::WaitingPort& port) override {
    if (quiet_) return;
    output_.end_line();
    progress_.clear();
    complain(text(group, ": all tasks have ended; port '", port.name, "' holds ", port.messages,
                  port.messages == 1 ? " message" : " messages", " for another ",
                  to_string(port.linger), ": mvm dequeue ", group, ' ', port.name));
  }

  void conclude(const run::GroupOutcome& outcome, const std::filesystem::path& directory) override {
    output_.end_line();
    progress_.clear();
    const bool success = outcome.exit_status == 0;
    if (quiet_ && success) return;
    complain(text(outcome.group, ": ", to_string(outcome.state), " after ", to_string(outcome.ran),
                  success ? std::string() : failure_words(outcome), "\n",
                  "run directory: ", directory.string()));
  }

 private:
  bool quiet_;
  TaggedOutput output_;
  ProgressLine progress_;
  bool stopped_ = false;
};

/// For programs: one event per line.
class JsonReport : public RunReport {
 public:
  explicit JsonReport(const ReportStyle& style) : output_(style.interrupt) {}

  void on_state(run::GroupState state) override {
    write(JsonLine().add("event", "state").add("state", to_string(state)));
  }

  void on_output(const queue::TaskSpec& task, Stream stream, std::string_view bytes) override {
    write(JsonLine()
              .add("event", "output")
              .add("task", task.name())
              .add("stream", stream == Stream::kOutput ? "out" : "err")
              .add("text", bytes));
  }

  void on_task_end(const run::TaskOutcome& task) override {
    write(JsonLine()
              .add("event", "task_end")
              .add("task", task.name)
              .add("end", to_string(task.end))
              .add("status", task.status));
  }

  void on_deadlock(const queue::GroupWaits&, std::string_view words) override {
    write(JsonLine().add("event", "deadlock").add("text", words));
  }

  void on_waiting_port(std::string_view group, const run::WaitingPort& port) override {
    write(JsonLine()
              .add("event", "waiting_port")
              .add("group", group)
              .add("port", port.name)
              .add("messages", port.messages)
              .add("linger_seconds", std::chrono::duration<double>(port.linger).count()));
  }

  void conclude(const run::GroupOutcome& outcome, const std::filesystem::path& directory) override {
    write(JsonLine()
              .add("event", "result")
              .add("group", outcome.group)
              .add("state", to_string(outcome.state))
              .add("exit_status", outcome.exit_status)
              .add("cause", outcome.cause)
              .add("run_seconds", std::chrono::duration<double>(outcome.ran).count())
              .add("directory", directory.string()));
  }

 private:
  void write(const JsonLine& event) {
    if (stopped_ || output_.write(STDOUT_FILENO, event.to_string())) return;
    stopped_ = true;
    if (!output_.interrupted()) stop_this_run();
  }

  PatientOutput output_;
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<RunReport> make_run_report(const ReportStyle& style) {
  if (style.json) return std::make_unique<JsonReport>(style);
  return std::make_unique<LineReport>(style);
}

}  // namespace mvm::cli
