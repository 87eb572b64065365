// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace mvm::test {

/// One `mvm run` of a profile below examples/, in a scratch folder that lives as long as this.
/// The build cache is shared by all of them, so that each source is compiled once.
class ExampleRun {
 public:
  /// `profile`: below examples/, as in "heat" or "fft/fft-pipeline.mvm.xml". `parameters`: words
  /// like "side=4". Blocks until the run has ended. Fails the test when it could not be started.
  ExampleRun(std::string_view profile, const std::vector<std::string>& parameters);
  ~ExampleRun();
  ExampleRun(const ExampleRun&) = delete;
  ExampleRun& operator=(const ExampleRun&) = delete;

  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] const std::string& output() const { return output_; }
  [[nodiscard]] const std::string& errors() const { return errors_; }

  /// The content of a collected output: `collected("cell.3", "spectrum.csv")`. Fails the test when
  /// it is not there.
  [[nodiscard]] std::string collected(std::string_view task, std::string_view file) const;

 private:
  std::filesystem::path scratch_;
  int status_ = -1;
  std::string output_;
  std::string errors_;
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
