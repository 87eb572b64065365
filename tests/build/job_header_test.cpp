// SPDX-License-Identifier: GPL-3.0-or-later
#include <thread>

#include "build_fixture.hpp"
#include "precompiled_header.hpp"

namespace mvm::build {
namespace {

TEST(JobHeaderFirst, IsSeenBehindCommentsAndStandardHeaders) {
  EXPECT_TRUE(may_start_with_job_header("#include <mvm/job.hpp>\n"));
  EXPECT_TRUE(
      may_start_with_job_header("// a\n/* b\n */\n# include\t<vector>\n"
                                "#include <cmath> // c\n#include <mvm/job.hpp>"));
}

TEST(JobHeaderFirst, IsNotAssumedBehindAnythingElse) {
  EXPECT_FALSE(may_start_with_job_header("#define NDEBUG\n#include <mvm/job.hpp>\n"));
  EXPECT_FALSE(may_start_with_job_header("#include \"config\"\n#include <mvm/job.hpp>\n"));
  EXPECT_FALSE(may_start_with_job_header("#include <config.h>\n#include <mvm/job.hpp>\n"));
  EXPECT_FALSE(may_start_with_job_header("#include <Eigen/Core>\n#include <mvm/job.hpp>\n"));
  EXPECT_FALSE(may_start_with_job_header("/* #include <mvm/job.hpp>"));
  EXPECT_FALSE(may_start_with_job_header("int x;\n#include <mvm/job.hpp>\n"));
  EXPECT_FALSE(may_start_with_job_header(""));
}

/// With a job header of its own, so that it can be changed.
class JobHeaderTest : public BuildTest, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    BuildTest::SetUp();
    request_.options.compiler = counting_compiler(installed_compiler(GetParam()));
    settings_.sdk_include = root_ / "sdk";
    write_job_header("1");
  }
  void write_job_header(const std::string& number) {
    std::filesystem::create_directories(root_ / "sdk" / "mvm");
    ASSERT_TRUE(write_file_atomically(root_ / "sdk" / "mvm" / "job.hpp",
                                      "#pragma once\n#include <string>\n"
                                      "inline std::string word() { return \"" +
                                          number + "\"; }\n"));
  }
  void write_job(const std::string& before, const std::string& tail) {
    request_.sources = {write("cell.cpp", before +
                                              "#include <mvm/job.hpp>\n#include <cstdio>\n"
                                              "int main() { std::fputs((word() + \"" +
                                              tail + "\").c_str(), stdout); }\n")};
  }
  [[nodiscard]] bool last_compile_used_it() const {
    std::string last;
    for (const auto& call : calls()) {
      if (call.find(" -c ") != std::string::npos) last = call;
    }
    return last.find("/headers/") != std::string::npos;
  }
};

TEST_P(JobHeaderTest, IsPrecompiledBesideTheFirstBuildAndUsedFromThenOn) {
  write_job("", "a");
  ASSERT_TRUE(build());
  EXPECT_FALSE(last_compile_used_it());
  write_job("// first\n#include <vector>\n", "b");
  const auto second = build();
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_TRUE(last_compile_used_it());
  EXPECT_EQ(output_of(second->program), "1b");
}

TEST_P(JobHeaderTest, AChangedHeaderIsNeverTakenFromTheCache) {
  write_job("", "a");
  ASSERT_TRUE(build());
  write_job_header("2");
  const auto same = build();
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_EQ(output_of(same->program), "2a");
  write_job("", "b");
  const auto other = build();
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_EQ(output_of(other->program), "2b");
}

TEST_P(JobHeaderTest, AFileThatShadowsAPartOfItKeepsItOut) {
  write_job("", "a");
  ASSERT_TRUE(build());
  write("inc/string", "#pragma once\n#include_next <string>\n#define SHADOWED 1\n");
  request_.options.include_folders = {root_ / "job" / "inc"};
  request_.sources = {write("cell.cpp",
                            "#include <mvm/job.hpp>\n#include <cstdio>\n"
                            "int main() { std::printf(\"%d\", SHADOWED); }\n")};
  const auto built = build();
  ASSERT_TRUE(built) << built.error().message;
  EXPECT_EQ(output_of(built->program), "1");
}

TEST_P(JobHeaderTest, ATouchedHeaderStillServes) {
  write_job("", "a");
  ASSERT_TRUE(build());
  write_job_header("1");
  write_job("", "b");
  const auto built = build();
  ASSERT_TRUE(built) << built.error().message;
  EXPECT_EQ(output_of(built->program), "1b");
}

INSTANTIATE_TEST_SUITE_P(Compilers, JobHeaderTest, testing::Values("g++", "clang++"),
                         [](const auto& test) {
                           return std::string(test.param) == "g++" ? "gcc" : "clang";
                         });

}  // namespace
}  // namespace mvm::build
