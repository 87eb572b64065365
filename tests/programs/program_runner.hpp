// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include <mvm/base/subprocess.hpp>

namespace mvm::test {

/// A program that was started and still runs. Killed by the destructor.
class RunningProgram {
 public:
  RunningProgram(Child child, UniqueFd output, UniqueFd errors);
  ~RunningProgram();
  RunningProgram(RunningProgram&&) = default;
  RunningProgram& operator=(RunningProgram&&) = delete;

  [[nodiscard]] pid_t pid() const { return child_.pid; }
  void send_signal(int signal) const;

  /// Reads until stdout or stderr holds `words`. False at their end, or after the time limit.
  [[nodiscard]] bool read_until(const std::string& words,
                                std::chrono::milliseconds limit = std::chrono::seconds(30));

  /// Reads the rest and waits for the end; `timed_out` when it did not come.
  [[nodiscard]] Completed finish(std::chrono::milliseconds limit = std::chrono::seconds(30));

  [[nodiscard]] const std::string& output() const { return completed_.output; }
  [[nodiscard]] const std::string& errors() const { return completed_.errors; }

 private:
  bool read_some(std::chrono::steady_clock::time_point deadline);

  Child child_;
  UniqueFd output_;
  UniqueFd errors_;
  Completed completed_;
};

/// Runs the built programs as a user would, with a home of their own that is removed at the end:
/// build cache, register of groups and runtime folder lie below `folder()`, which is the working
/// directory, too.
class ProgramRunner {
 public:
  ProgramRunner();
  ~ProgramRunner();
  ProgramRunner(const ProgramRunner&) = delete;
  ProgramRunner& operator=(const ProgramRunner&) = delete;

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

  /// "NAME=value" for the programs' environment, in place of an earlier NAME. A test that compiles
  /// much may share the cache of others by setting MVM_CACHE_DIR.
  void set_environment(const std::string& word);

  /// A file below `folder()`; its folders are made. Gives its path.
  std::filesystem::path write(const std::filesystem::path& name, const std::string& content) const;
  [[nodiscard]] std::string read(const std::filesystem::path& name) const;

  /// Runs `mvm` with these arguments to its end.
  Completed mvm(std::vector<std::string> arguments,
                std::chrono::milliseconds limit = std::chrono::seconds(60)) const;

  /// Runs any program, in the same environment.
  Completed run(std::vector<std::string> words,
                std::chrono::milliseconds limit = std::chrono::seconds(60)) const;

  /// Starts `mvm` and leaves it running. Unlike in `mvm` and `run`, what outlives it is not ended.
  [[nodiscard]] RunningProgram start_mvm(std::vector<std::string> arguments) const;

  /// build/…/bin/mvm
  [[nodiscard]] static std::filesystem::path mvm_program();

 private:
  [[nodiscard]] SpawnRequest request_for(std::vector<std::string> words) const;

  std::filesystem::path folder_;
  std::vector<std::string> environment_;
};

}  // namespace mvm::test
