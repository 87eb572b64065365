// SPDX-License-Identifier: GPL-3.0-or-later
#include "job_reader.hpp"

#include <algorithm>
#include <cctype>

#include "build_reader.hpp"
#include "selector.hpp"
#include "source_files.hpp"
#include "wording.hpp"

namespace mvm::model {
namespace {

namespace fs = std::filesystem;

/// Variables by which MVM tells a task what it is.
constexpr std::string_view kReservedPrefix = "MVM_";

/// Words that are evaluated per task: tried as task 0 would. There `count` is the job's own, so a
/// parameter of that name must not mean another number.
bool check_words(const XmlElement& element, std::string_view attribute, const std::string& words,
                 Reading& reading, const JobModel& job) {
  if (job.count == 0 && mentions(words, "count")) return false;
  const auto count = std::max(job.count, 1u);
  const auto parameter = reading.scope().find("count");
  if (parameter != reading.scope().end() && mentions(words, "count") &&
      parameter->second != Value(static_cast<double>(count))) {
    reading.complain(element, attribute, "count means the ", count, " tasks of job '", job.name,
                     "' here, not the parameter 'count'; rename the parameter");
    return false;
  }
  return reading.check_task_words(element, attribute, words, count);
}

void read_environment(const XmlElement& element, Reading& reading, JobModel& job) {
  const auto name = reading.words(element, "name");
  const auto* value = element.attribute("value");
  if (!name || value == nullptr) return;
  if (name->starts_with(kReservedPrefix)) {
    reading.complain(element, "name", "variables that begin with ", kReservedPrefix,
                     " belong to MVM itself; choose another name than '", excerpt(*name), "'");
    return;
  }
  if (!check_words(element, "value", value->value, reading, job)) return;
  job.environment.emplace_back(*name, value->value);
}

void read_input(const XmlElement& element, Reading& reading, JobModel& job) {
  if (element.words.empty()) return;
  if (!check_words(element, "", element.words, reading, job)) return;
  // What depends on the task is looked for when the tasks are known.
  if (!mentions(element.words, "index") && !mentions(element.words, "count")) {
    const auto words = expand(element.words, reading.scope());
    if (!words) return;
    if (const auto file = source_files(*words, reading.document().folder); !file) {
      reading.complain(element, "", "input ", file.error().message);
      return;
    }
  }
  job.inputs.push_back(element.words);
}

void read_output(const XmlElement& element, Reading& reading, JobModel& job) {
  if (element.words.empty()) return;
  if (!check_words(element, "", element.words, reading, job)) return;
  const fs::path path(element.words);
  const bool leaves = path.is_absolute() ||
                      std::ranges::any_of(path, [](const auto& part) { return part == ".."; });
  if (leaves) {
    reading.complain(element, "", "output '", excerpt(element.words),
                     "' leaves the task's directory; write a relative name without '..'");
    return;
  }
  job.outputs.push_back(element.words);
}

void read_argument(const XmlElement& element, Reading& reading, JobModel& job) {
  if (check_words(element, "", element.words, reading, job)) {
    job.arguments.push_back(element.words);
  }
}

/// The name of a port, or an empty string when it is absent or wrong.
std::string read_port(const XmlElement& element, std::string_view attribute, Reading& reading) {
  auto name = reading.words(element, attribute);
  if (!name) return {};
  if (is_port_name(*name)) return *std::move(name);
  reading.complain_value(element, attribute, *name,
                         "is not a port name: a letter or '_', then letters, digits, '_', '+', "
                         "'-', at most 64");
  return {};
}

void read_command(const XmlElement& element, Reading& reading, JobModel& job) {
  CommandModel command;
  command.place = reading.place(element);
  command.line = element.words;
  command.input_port = read_port(element, "stdin", reading);
  command.output_port = read_port(element, "stdout", reading);
  const auto format = reading.choice<CommandFormat>(
      element, "format", {{"lines", CommandFormat::kLines}, {"frames", CommandFormat::kFrames}});
  if (format) command.format = *format;
  if (!command.line.empty() && check_words(element, "", command.line, reading, job)) {
    job.command = std::move(command);
  }
}

/// A job is either compiled or a command.
void check_kind(const XmlElement& element, Reading& reading, const JobModel& job) {
  const auto* command = element.child("command");
  if (command == nullptr) {
    if (element.child("source") == nullptr) {
      reading.complain(element, "", "job '", job.name,
                       "' has no <source>; name its C++ files, or give it a <command>");
    }
    return;
  }
  for (const auto& child : element.children) {
    const bool second = child.name == "command" && &child != command;
    if (child.name != "source" && child.name != "build" && !second) continue;
    reading.complain(child, "", "job '", job.name, "' is a <command>, since line ", command->line,
                     ", and cannot have a ", second ? "second one" : text("<", child.name, ">"),
                     " as well; remove one of them");
  }
}

/// The document that holds the job's sources, which a `ref=` may have led to.
void read_content(const XmlElement& element, Reading& reading, JobModel& job) {
  job.folder = reading.document().folder;
  job.scope = reading.scope();
  read_sources_and_build(element, reading, job.sources, job.build);
  for (const auto& child : element.children) {
    if (child.name == "command") read_command(child, reading, job);
    if (child.name == "arg") read_argument(child, reading, job);
    if (child.name == "env") read_environment(child, reading, job);
    if (child.name == "input") read_input(child, reading, job);
    if (child.name == "output") read_output(child, reading, job);
  }
  check_kind(element, reading, job);
}

void read_count(const XmlElement& element, Reading& reading, JobModel& job) {
  if (element.attribute("count") != nullptr) {
    job.count = reading.whole(element, "count", 1, kMaxTasks).value_or(0);
  } else if (!reading.is_clear(element, {"name", "execution", "stack", "ref"})) {
    job.count = 0;  // an attribute that the schema does not know may be meant for it
  }
}

void read_execution(const XmlElement& element, Reading& reading, JobModel& job) {
  const auto execution = reading.choice<Execution>(
      element, "execution", {{"process", Execution::kProcess}, {"fiber", Execution::kFiber}});
  if (execution) job.execution = *execution;
  if (const auto stack = reading.size(element, "stack")) {
    job.stack = *stack;
    if (*stack < queue::kSmallestStack || *stack > queue::kLargestStack) {
      reading.complain(element, "stack", "a stack of ", to_string(*stack), " cannot be: write ",
                       to_string(queue::kSmallestStack), " to ", to_string(queue::kLargestStack));
    }
  }
  if (job.execution == Execution::kFiber && job.command) {
    reading.complain(element, "execution", "job '", job.name,
                     "' is a <command>, and only programs built from <source> can be fibers; use "
                     "execution=\"process\"");
  }
}

/// What stands nearer to the profile wins: its count is known before the content is read.
void read_parts(const XmlElement& element, Reading& reading, DocumentLibrary& library,
                bool count_is_known, JobModel& job) {
  if (!count_is_known) read_count(element, reading, job);
  count_is_known = count_is_known || element.attribute("count") != nullptr;
  const auto followed =
      library.follow(element, reading, [&](const XmlElement& inner, Reading& inner_reading) {
        read_parts(inner, inner_reading, library, count_is_known, job);
      });
  if (followed == Followed::kNoReference) read_content(element, reading, job);
  if (followed == Followed::kFailed && !count_is_known) job.count = 0;
  read_execution(element, reading, job);
}

}  // namespace

bool is_name(std::string_view words) {
  constexpr std::size_t kLongest = 64;
  const auto is_part = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; };
  return !words.empty() && words.size() <= kLongest && std::ranges::all_of(words, is_part) &&
         words.front() != '-' && std::isdigit(static_cast<unsigned char>(words.front())) == 0;
}

JobModel read_job(const XmlElement& element, Reading& reading, DocumentLibrary& library) {
  JobModel job;
  job.place = reading.place(element);
  if (auto name = reading.words(element, "name")) {
    if (*name == kOutsideJob || *name == kEveryone) {
      reading.complain_value(element, "name", *name,
                             *name == kOutsideJob
                                 ? "stands for programs outside of the group; choose another name"
                                 : "stands for the team of all tasks; choose another name");
    } else if (is_name(*name)) {
      job.name = std::move(*name);
    } else {
      reading.complain_value(
          element, "name", *name,
          "is not a name: a letter, then letters, digits, '_' or '-', at most 64");
    }
  }
  read_parts(element, reading, library, false, job);
  return job;
}

}  // namespace mvm::model
