// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <set>

#include "program_runner.hpp"

namespace mvm::test {
namespace {

namespace fs = std::filesystem;

class ManPageTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(runner_.mvm({"manual", "man1"}).status.code, 0);
    runner_.set_environment("MANWIDTH=80");
    runner_.set_environment("LC_ALL=C.UTF-8");
  }
  std::vector<fs::path> pages() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(runner_.folder() / "man1")) {
      found.push_back(entry.path());
    }
    return found;
  }
  Completed format(const fs::path& page) const {
    return runner_.run({"man", "--warnings", "-l", page.string()});
  }

  ProgramRunner runner_;
};

TEST_F(ManPageTest, EachVerbHasOne) {
  std::set<std::string> names;
  for (const auto& page : pages()) names.insert(page.filename().string());
  const std::set<std::string> wanted = {
      "mvm.1",         "mvm-init.1",    "mvm-validate.1",   "mvm-plan.1",
      "mvm-graph.1",   "mvm-build.1",   "mvm-run.1",        "mvm-list.1",
      "mvm-logs.1",    "mvm-doctor.1",  "mvm-completion.1", "mvm-top.1",
      "mvm-inspect.1", "mvm-explain.1", "mvm-enqueue.1",    "mvm-dequeue.1"};
  EXPECT_EQ(names, wanted);
}

TEST_F(ManPageTest, AllFormatWithoutAWarning) {
  for (const auto& page : pages()) {
    const auto formatted = format(page);
    EXPECT_EQ(formatted.status.code, 0) << page;
    EXPECT_EQ(formatted.errors, "") << page;
    EXPECT_NE(formatted.output.find("NAME"), std::string::npos) << page;
    EXPECT_NE(formatted.output.find("SEE ALSO"), std::string::npos) << page;
  }
}

TEST_F(ManPageTest, ShowTextAsItIsMeant) {
  const auto formatted = format(runner_.folder() / "man1/mvm-run.1");
  EXPECT_NE(formatted.output.find("-p, --parameter NAME=VALUE"), std::string::npos)
      << formatted.output;
  EXPECT_NE(formatted.output.find("grep '\"result\"'"), std::string::npos) << formatted.output;
  EXPECT_NE(formatted.output.find("EXIT STATUS"), std::string::npos);
}

TEST_F(ManPageTest, WereInstalledByTheBuild) {
  const auto built = ProgramRunner::mvm_program().parent_path().parent_path() / "share/man/man1";
  for (const auto& page : pages()) {
    EXPECT_EQ(runner_.read(built / page.filename()), runner_.read(page)) << page;
  }
}

}  // namespace
}  // namespace mvm::test
