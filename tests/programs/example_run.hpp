// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "program_runner.hpp"

namespace mvm::test {

/// One `mvm run` of a profile below examples/. Its run directory lives as long as this. The build
/// cache is shared by all example runs, so that each source is compiled once.
class ExampleRun {
 public:
  /// `profile`: below examples/, as in "heat" or "fft/fft-pipeline.mvm.xml". `parameters`: words
  /// like "side=4". Blocks until the run has ended. With MVM_EXECUTION=fiber in the environment, the
  /// tasks are fibers.
  ExampleRun(std::string_view profile, const std::vector<std::string>& parameters);

  [[nodiscard]] int status() const { return completed_.status.shell_status(); }
  [[nodiscard]] const std::string& output() const { return completed_.output; }
  [[nodiscard]] const std::string& errors() const { return completed_.errors; }

  /// The text of summary.json.
  [[nodiscard]] std::string summary() const;
  /// The content of a collected output: `collected("cell.3", "spectrum.csv")`. Fails the test when
  /// it is not there.
  [[nodiscard]] std::string collected(std::string_view task, std::string_view file) const;

 private:
  /// A file of the run directory; nothing when it is not there.
  [[nodiscard]] std::optional<std::string> kept(const std::string& file) const;

  ProgramRunner runner_;
  Completed completed_;
};

/// The doubles of text with numbers between commas and line ends.
[[nodiscard]] std::vector<double> parse_csv(const std::string& text);

/// Bytes as values of a plain type.
template <typename T>
[[nodiscard]] std::vector<T> values_of(const std::string& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  __builtin_memcpy(static_cast<void*>(values.data()), bytes.data(), values.size() * sizeof(T));
  return values;
}

}  // namespace mvm::test
