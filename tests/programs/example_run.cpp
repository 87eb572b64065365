// SPDX-License-Identifier: Apache-2.0
#include "example_run.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <cstdlib>
#include <utility>

#include <mvm/base/file.hpp>
#include <mvm/base/subprocess.hpp>

namespace mvm::test {

namespace {

namespace fs = std::filesystem;

constexpr auto kTimeLimit = std::chrono::minutes(5);  // far over what any example needs

/// This process's environment with the folders of mvm moved away from the user's own.
std::vector<std::string> environment(const fs::path& scratch) {
  std::vector<std::string> words;
  for (auto& word : current_environment()) {
    if (!word.starts_with("MVM_")) words.push_back(std::move(word));
  }
  words.push_back("MVM_CACHE_DIR=" MVM_BINARY_DIR "/tests/example-cache");
  words.push_back("MVM_STATE_DIR=" + (scratch / "state").string());
  words.push_back("MVM_RUNTIME_DIR=" + (scratch / "runtime").string());
  return words;
}

}  // namespace

ExampleRun::ExampleRun(std::string_view profile, const std::vector<std::string>& parameters) {
  std::string pattern = (fs::temp_directory_path() / "mvm-example-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    ADD_FAILURE() << "cannot make a scratch folder like " << pattern;
    return;
  }
  scratch_ = pattern;

  SpawnRequest request;
  request.arguments = {MVM_BINARY_DIR "/bin/mvm", "run",
                       (fs::path(MVM_SOURCE_DIR) / "examples" / profile).string()};
  for (const auto& parameter : parameters) {
    request.arguments.push_back("-p");
    request.arguments.push_back(parameter);
  }
  request.environment = environment(scratch_);
  request.directory = scratch_;

  auto completed = run_guarded(std::move(request), kTimeLimit, 16_MiB);
  if (!completed) {
    ADD_FAILURE() << completed.error().message;
    return;
  }
  EXPECT_FALSE(completed->timed_out);
  status_ = completed->status.shell_status();
  output_ = std::move(completed->output);
  errors_ = std::move(completed->errors);
}

ExampleRun::~ExampleRun() {
  std::error_code ignored;
  fs::remove_all(scratch_, ignored);
}

std::string ExampleRun::collected(std::string_view task, std::string_view file) const {
  std::error_code error;
  for (const auto& run : fs::directory_iterator(scratch_ / "mvm-runs", error)) {
    auto content = read_file(run.path() / "output" / task / file, 1_GiB);
    if (content) return *std::move(content);
  }
  ADD_FAILURE() << task << " left no " << file << "; mvm said:\n" << errors_;
  return {};
}

std::vector<double> parse_csv(const std::string& text) {
  std::vector<double> values;
  const char* at = text.c_str();
  for (char* end = nullptr; *at != '\0'; at = end + (*end != '\0')) {
    values.push_back(std::strtod(at, &end));
    if (end == at) {
      ADD_FAILURE() << "not a number: " << std::string(at).substr(0, 40);
      break;
    }
  }
  return values;
}

}  // namespace mvm::test
