// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <mvm/base/file.hpp>
#include <mvm/base/subprocess.hpp>
#include <mvm/build/builder.hpp>

namespace mvm::build {

/// A compiler under its plain name, or under the one of the version that scripts/setup installs.
/// Fails the test when it is under neither.
inline std::string installed_compiler(const std::string& name) {
  for (const auto& candidate : {name, name + "-19"}) {
    if (find_program(candidate)) return candidate;
  }
  ADD_FAILURE() << name << " is not installed; run scripts/setup test";
  return name;
}

/// A folder of its own for each test, with a job in it, a cache, and a compiler that counts how
/// often it is called.
class BuildTest : public testing::Test {
 protected:
  void SetUp() override {
    auto pattern = (std::filesystem::temp_directory_path() / "mvm-build-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    settings_.cache = root_ / "cache";
    settings_.sdk_version = "test";
    settings_.header_patience = std::chrono::minutes(1);
    std::filesystem::create_directories(root_ / "job");
    request_.job = "cell";
    request_.options.compiler = counting_compiler("g++");
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  /// Writes a file of the job; the path's folders are made.
  std::filesystem::path write(const std::string& name, std::string_view content) {
    const auto path = root_ / "job" / name;
    std::filesystem::create_directories(path.parent_path());
    EXPECT_TRUE(write_file_atomically(path, content));
    return path;
  }

  /// A script that notes each call before it becomes the compiler.
  std::string counting_compiler(const std::string& compiler) {
    const auto script = root_ / ("counting-" + compiler);
    EXPECT_TRUE(write_file_atomically(script, "#!/bin/sh\necho \"$@\" >> '" +
                                                  calls_file().native() + "'\nexec " + compiler +
                                                  " \"$@\"\n"));
    std::filesystem::permissions(script, std::filesystem::perms::owner_all);
    return script.native();
  }
  [[nodiscard]] std::filesystem::path calls_file() const { return root_ / "calls"; }

  /// The compiler's calls so far that compile a unit, precompile a header, or link.
  [[nodiscard]] std::vector<std::string> calls() const {
    std::vector<std::string> lines;
    const auto content = read_file(calls_file(), 64_MiB);
    if (!content) return lines;
    std::string_view rest = *content;
    while (!rest.empty()) {
      const auto end = rest.find('\n');
      const std::string line(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      // Asking a new compiler for its version and linkers is not building.
      const bool asks = line.starts_with("-E -v") || line.find("probe.so") != std::string::npos;
      if (!asks) lines.push_back(line);
    }
    return lines;
  }

  /// Builds with a builder of its own, as a new process would.
  [[nodiscard]] Result<BuiltProgram> build() {
    Builder builder(settings_);
    return builder.build(request_);
  }

  /// What a built program prints.
  static std::string output_of(const std::filesystem::path& program) {
    SpawnRequest request;
    request.arguments = {program.native()};
    const auto completed = run_guarded(std::move(request), std::chrono::seconds(20), 1_MiB);
    if (!completed) return "cannot run: " + completed.error().message;
    return completed->status.success() ? completed->output : "failed";
  }

  [[nodiscard]] std::filesystem::path work_folder() const {
    return settings_.cache / "v1" / "work";
  }

  std::filesystem::path root_;
  BuildSettings settings_;
  BuildRequest request_;
};

}  // namespace mvm::build
