// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/run/summary.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include <mvm/base/unique_fd.hpp>

#include "channel_figures.hpp"

namespace mvm::run {
namespace {

using Json = nlohmann::ordered_json;

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

/// Task output and causes may hold any bytes; what is not UTF-8 is replaced, never an exception.
std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json head_of(const GroupOutcome& outcome) {
  return {{"format", 1},
          {"group", outcome.group},
          {"state", to_string(outcome.state)},
          {"exit_status", outcome.exit_status},
          {"cause", outcome.cause},
          {"deadlocks", outcome.deadlocks},
          {"build_seconds", seconds(outcome.build)},
          {"start_seconds", seconds(outcome.start)},
          {"run_seconds", seconds(outcome.ran)}};
}

Json describe(const TaskOutcome& task) {
  return {{"task", task.name},
          {"id", task.id},
          {"end", to_string(task.end)},
          {"status", task.status},
          {"machine", task.machine},
          {"core", task.core < 0 ? Json(nullptr) : Json(task.core)},
          {"pid", task.pid},
          {"run_seconds", seconds(task.ran)},
          {"cpu_seconds", seconds(task.cpu)},
          {"peak_memory_bytes", task.peak_memory.count}};
}

Json describe(const ChannelFigures& channel) {
  return describe_channel(channel, "left");
}

/// One element per line: a person can read it, `grep` can filter it.
template <typename Items>
void append_list(std::string& out, std::string_view name, const Items& items) {
  out += text(",\n  \"", name, "\": [");
  std::string_view separator = "\n";
  for (const auto& item : items) {
    out += text(separator, "    ", dump(describe(item)));
    separator = ",\n";
  }
  out += items.empty() ? "]" : "\n  ]";
}

/// Takes the keys of the head as they come and stops the parser at the first list.
class HeadReader : public nlohmann::json_sax<Json> {
 public:
  SummaryHead head;
  bool complete = false;

  bool key(string_t& name) override {
    key_ = name;
    return true;
  }
  bool string(string_t& value) override {
    if (key_ == "group") head.group = value;
    if (key_ == "cause") head.cause = value;
    if (key_ == "state") {
      const auto state = parse_group_state(value);
      if (!state) return false;
      head.state = *state;
    }
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (key_ == "exit_status") head.exit_status = static_cast<int>(value);
    return true;
  }
  bool start_array(std::size_t) override {
    complete = !head.group.empty();
    return false;
  }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return true; }
  bool end_object() override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  std::string key_;
};

}  // namespace

std::string summary_json(const GroupOutcome& outcome) {
  const Json head = head_of(outcome);
  std::string out = "{";
  std::string_view separator = "\n";
  for (const auto& [name, value] : head.items()) {
    out += text(separator, "  \"", name, "\": ", dump(value));
    separator = ",\n";
  }
  append_list(out, "tasks", outcome.tasks);
  append_list(out, "channels", outcome.channels);
  out += "\n}\n";
  return out;
}

Result<SummaryHead> read_summary_head(const std::filesystem::path& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    auto error = system_error(text("open ", file.string()));
    if (errno == ENOENT || errno == ENOTDIR) error.code = ErrorCode::kNotFound;
    return fail(std::move(error));
  }
  char bytes[16384];  // a head is a few hundred bytes; the cause is one sentence
  const auto got = ::read(fd.get(), bytes, sizeof bytes);
  if (got < 0) return fail_system("read ", file.string());
  HeadReader reader;
  Json::sax_parse(bytes, bytes + got, &reader);
  if (!reader.complete) return fail(ErrorCode::kSystem, file.string(), " is not a summary");
  return std::move(reader.head);
}

}  // namespace mvm::run
