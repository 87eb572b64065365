// SPDX-License-Identifier: GPL-3.0-or-later
#include "example_run.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <utility>

#include <mvm/base/file.hpp>

namespace mvm::test {

namespace {

namespace fs = std::filesystem;

constexpr auto kTimeLimit = std::chrono::minutes(4);  // far over what any example needs

/// The examples with all jobs that have sources as fibers: the profiles are changed, nothing else.
fs::path examples_as_fibers(const fs::path& folder) {
  const auto copy = folder / "examples";
  fs::copy(fs::path(MVM_SOURCE_DIR) / "examples", copy, fs::copy_options::recursive);
  const std::regex job("<job ((?:(?!</job>)[^])*?</job>)");
  for (const auto& entry : fs::recursive_directory_iterator(copy)) {
    if (!entry.path().native().ends_with(".mvm.xml")) continue;
    auto profile = read_file(entry.path(), 1_MiB).value();
    std::string changed;
    std::smatch found;
    while (std::regex_search(profile, found, job)) {
      const bool has_source = found.str(1).find("<source>") != std::string::npos;
      changed += found.prefix().str() + (has_source ? "<job execution=\"fiber\" " : "<job ") +
                 found.str(1);
      profile = found.suffix().str();
    }
    std::ofstream(entry.path()) << changed << profile;
  }
  return copy;
}

}  // namespace

ExampleRun::ExampleRun(std::string_view profile, const std::vector<std::string>& parameters) {
  const char* execution = std::getenv("MVM_EXECUTION");
  const bool fibers = execution != nullptr && std::string_view(execution) == "fiber";
  const auto examples =
      fibers ? examples_as_fibers(runner_.folder()) : fs::path(MVM_SOURCE_DIR) / "examples";
  std::vector<std::string> arguments = {"run", (examples / profile).string()};
  for (const auto& parameter : parameters) {
    arguments.push_back("-p");
    arguments.push_back(parameter);
  }
  runner_.set_environment("MVM_CACHE_DIR=" MVM_BINARY_DIR "/tests/example-cache");
  completed_ = runner_.mvm(std::move(arguments), kTimeLimit);
  EXPECT_FALSE(completed_.timed_out);
}

std::optional<std::string> ExampleRun::kept(const std::string& file) const {
  std::error_code error;
  for (const auto& run : fs::directory_iterator(runner_.folder() / "mvm-runs", error)) {
    auto content = read_file(run.path() / file, 1_GiB);
    if (content) return *std::move(content);
  }
  return {};
}

std::string ExampleRun::summary() const {
  auto content = kept("summary.json");
  if (!content) ADD_FAILURE() << "the run left no summary; mvm said:\n" << errors();
  return content.value_or("{}");
}

std::string ExampleRun::collected(std::string_view task, std::string_view file) const {
  auto content = kept((fs::path("output") / task / file).string());
  if (!content) ADD_FAILURE() << task << " left no " << file << "; mvm said:\n" << errors();
  return content.value_or("");
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
