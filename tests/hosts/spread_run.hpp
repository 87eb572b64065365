// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "hosts.hpp"
#include "program_runner.hpp"

namespace mvm::test {

/// Where the machines of a profile run, and what carries queues between them.
struct Spread {
  int machines = 1;
  const Hosts* hosts = nullptr;   ///< one for each machine; null: processes of one host
  std::string transport = "zmq";  ///< or "tcp", or "trusted": "tcp" on a network that is trusted
};

/// What a run has left, in a form that does not tell where it ran.
struct Findings {
  int status = 0;
  std::string output;  ///< of mvm: events, one JSON object per line
  std::string errors;
  std::string cause;
  double run_seconds = 0;
  std::map<std::string, std::string> files;       ///< collected: "cell.0/field.csv"
  std::map<std::string, std::uint64_t> received;  ///< messages, by where: "sink[0].in"
  std::vector<std::string> wrong_sums;            ///< channels whose messages do not add up
};

/// Runs of one profile, all compiled once.
class SpreadRuns {
 public:
  using Parameters = std::vector<std::string>;  ///< "rounds=100"

  /// `profile`: a file below tests/hosts/jobs, which has the parameters `machines` and `transport`;
  /// or an example's name: then it gets a cluster and a rule for all queues of its own.
  explicit SpreadRuns(std::string profile, Parameters parameters = {});

  /// Runs it to its end.
  [[nodiscard]] Findings run(const Spread& spread, const Parameters& more = {});

  /// Starts it, and comes back when its tasks have said `sign` or the group is in that state.
  [[nodiscard]] RunningProgram start(const Spread& spread, const std::string& sign,
                                     const Parameters& more = {});
  /// Waits for what `start` started.
  [[nodiscard]] Findings finish(RunningProgram& program);

  [[nodiscard]] const ProgramRunner& runner() const { return runner_; }

 private:
  [[nodiscard]] std::vector<std::string> words(const Spread& spread, const Parameters& more);
  [[nodiscard]] std::filesystem::path profile_for(const Spread& spread);
  [[nodiscard]] std::filesystem::path run_directory() const;
  [[nodiscard]] Findings findings(const Completed& completed) const;

  ProgramRunner runner_;
  std::string profile_;
  Parameters parameters_;
  int runs_ = 0;
};

/// Whether everything is to be tried, though it takes minutes (MVM_HOSTS_ALL is set).
[[nodiscard]] bool all_spreads();

/// Expects that a run succeeded and left what `reference` left.
void expect_same(const Findings& found, const Findings& reference);

/// Expects that nothing runs on any host any more.
void expect_nothing_left(const Hosts& hosts);

}  // namespace mvm::test
