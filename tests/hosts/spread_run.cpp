// SPDX-License-Identifier: GPL-3.0-or-later
#include "spread_run.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include <mvm/base/clock.hpp>
#include <mvm/base/file.hpp>

namespace mvm::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kTimeLimit = 90s;  // far over what any of these runs needs

bool is_example(const std::string& profile) {
  return !profile.ends_with(".mvm.xml");
}

std::string insert_before(std::string text, const std::string& place, const std::string& what) {
  const auto at = text.find(place);
  if (at == std::string::npos) throw std::runtime_error("no " + place + " in the profile");
  return text.insert(at, what);
}

bool is_trusted(const Spread& spread) {
  return spread.transport == "trusted";
}

std::string transport_of(const Spread& spread) {
  return is_trusted(spread) ? "tcp" : spread.transport;
}

/// An example's profile, over several machines. The tasks are dealt out, so that as much as can be
/// passes between machines.
std::string spread_out(std::string profile, const Spread& spread) {
  const auto rule = "<queue on=\"*.*\" transport=\"" + transport_of(spread) + "\"/>";
  const bool has_queues = profile.find("</queues>") != std::string::npos;
  profile = has_queues
                ? insert_before(std::move(profile), "</queues>", rule)
                : insert_before(std::move(profile), "</profile>", "<queues>" + rule + "</queues>");
  return insert_before(std::move(profile), "</profile>",
                       "<cluster><machines count=\"" + std::to_string(spread.machines) +
                           "\"/></cluster><policy><placement by=\"round-robin\" pin=\"false\"/>" +
                           (is_trusted(spread) ? "<links trusted=\"true\"/>" : "") + "</policy>");
}

std::map<std::string, std::string> files_below(const fs::path& folder) {
  std::map<std::string, std::string> files;
  if (!fs::exists(folder)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    files[entry.path().lexically_relative(folder).string()] =
        read_file(entry.path(), 64_MiB).value_or("unreadable");
  }
  return files;
}

}  // namespace

SpreadRuns::SpreadRuns(std::string profile, Parameters parameters)
    : profile_(std::move(profile)), parameters_(std::move(parameters)) {
  runner_.set_environment("MVM_CACHE_DIR=" MVM_BINARY_DIR "/tests/example-cache");
  if (!is_example(profile_)) return;
  const auto examples = fs::path(MVM_SOURCE_DIR) / "examples";
  fs::copy(examples / profile_, runner_.folder() / profile_);
  fs::copy(examples / "picture.hpp", runner_.folder());  // where the examples look for it
}

fs::path SpreadRuns::profile_for(const Spread& spread) {
  if (!is_example(profile_)) return fs::path(MVM_SOURCE_DIR) / "tests/hosts/jobs" / profile_;
  const auto original = fs::path(MVM_SOURCE_DIR) / "examples" / profile_ / (profile_ + ".mvm.xml");
  const auto text = read_file(original, 1_MiB);
  if (!text) throw std::runtime_error(text.error().message);
  return runner_.write(fs::path(profile_) / (profile_ + ".mvm.xml"), spread_out(*text, spread));
}

std::vector<std::string> SpreadRuns::words(const Spread& spread, const Parameters& more) {
  std::vector<std::string> words = {"run",       profile_for(spread).string(),
                                    "--output",  "json",
                                    "--run-dir", "runs-" + std::to_string(++runs_)};
  auto parameters = parameters_;
  parameters.insert(parameters.end(), more.begin(), more.end());
  if (!is_example(profile_)) {
    parameters.push_back("machines=" + std::to_string(spread.machines));
    parameters.push_back("transport=" + transport_of(spread));
    if (is_trusted(spread)) parameters.push_back("trusted=true");
  }
  for (const auto& parameter : parameters) words.insert(words.end(), {"-p", parameter});
  if (spread.hosts != nullptr) {
    words.insert(words.end(), {"--launch", spread.hosts->agents(), "--endpoint",
                               "tcp://" + Hosts::addresses() + ":7000", "--direct-endpoint",
                               "tcp://" + Hosts::addresses() + ":7001"});
  }
  return words;
}

Findings SpreadRuns::run(const Spread& spread, const Parameters& more) {
  const auto completed = runner_.mvm(words(spread, more), kTimeLimit);
  EXPECT_FALSE(completed.timed_out);
  return findings(completed);
}

RunningProgram SpreadRuns::start(const Spread& spread, const std::string& sign,
                                 const Parameters& more) {
  auto program = runner_.start_mvm(words(spread, more));
  EXPECT_TRUE(program.read_until(sign, kTimeLimit)) << program.output() << program.errors();
  return program;
}

Findings SpreadRuns::finish(RunningProgram& program) {
  const auto completed = program.finish(kTimeLimit);
  EXPECT_FALSE(completed.timed_out) << completed.output << completed.errors;
  return findings(completed);
}

fs::path SpreadRuns::run_directory() const {
  const auto parent = runner_.folder() / ("runs-" + std::to_string(runs_));
  for (const auto& entry : fs::directory_iterator(parent)) return entry.path();
  throw std::runtime_error("no run directory in " + parent.string());
}

Findings SpreadRuns::findings(const Completed& completed) const {
  Findings found;
  found.status = completed.status.shell_status();
  found.output = completed.output;
  found.errors = completed.errors;
  const auto folder = run_directory();
  const auto text = read_file(folder / "summary.json", 16_MiB);
  if (!text) throw std::runtime_error(text.error().message + completed.errors);
  const auto summary = nlohmann::json::parse(*text);
  found.cause = summary.at("cause");
  found.run_seconds = summary.at("run_seconds");
  for (const auto& channel : summary.at("channels")) {
    const auto count = [&](const char* key) { return channel.at(key).get<std::uint64_t>(); };
    found.received[channel.at("to")] += count("dequeued");
    if (count("enqueued") !=
        count("dequeued") + count("dropped") + count("left") + count("lost_with_task")) {
      found.wrong_sums.push_back(channel.dump());
    }
  }
  found.files = files_below(folder / "output");
  return found;
}

bool all_spreads() {
  return std::getenv("MVM_HOSTS_ALL") != nullptr;
}

void expect_same(const Findings& found, const Findings& reference) {
  EXPECT_EQ(found.status, 0) << "after " << found.run_seconds << " s: " << found.cause << '\n'
                             << found.errors;
  EXPECT_EQ(found.wrong_sums, std::vector<std::string>());
  EXPECT_EQ(found.received, reference.received);
  ASSERT_FALSE(reference.files.empty());
  for (const auto& [name, content] : reference.files) {
    const auto other = found.files.find(name);
    if (other == found.files.end()) {
      ADD_FAILURE() << name << " is missing";
    } else {
      EXPECT_TRUE(other->second == content) << name << " differs";  // no megabytes in a message
    }
  }
  EXPECT_EQ(found.files.size(), reference.files.size());
}

void expect_nothing_left(const Hosts& hosts) {
  for (int host = 0; host < hosts.count(); ++host) {
    const auto deadline = now() + 10s;
    while (!hosts.processes(host).empty() && now() < deadline) ::usleep(10'000);
    EXPECT_EQ(hosts.processes(host), std::vector<std::string>()) << "on host " << host;
  }
}

}  // namespace mvm::test
