// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <sstream>

#include "program_runner.hpp"

namespace mvm::test {
namespace {

using Words = std::set<std::string>;

Words words_of(const std::string& text) {
  std::istringstream stream(text);
  Words words;
  for (std::string word; stream >> word;) words.insert(word);
  return words;
}

class ShellCompletionTest : public testing::Test {
 protected:
  void SetUp() override {
    runner_.write("bash", runner_.mvm({"completion", "bash"}).output);
    runner_.write("_mvm", runner_.mvm({"completion", "zsh"}).output);
    runner_.write("ring/ring.mvm.xml", R"(<?xml version="1.0"?>
<profile xmlns="urn:mvm:profile:1" name="ring">
  <param name="tasks" type="int" default="4"/>
  <param name="title" type="string" default="x"/>
  <job name="member" count="${tasks}"><source>member.cpp</source></job>
  <topology><graph kind="ring" over="member"/></topology>
</profile>)");
    runner_.write("ring/member.cpp", "int main() {}");
  }

  /// What bash offers for the last word of `line`, as readline would have split it.
  Words complete_in_bash(std::vector<std::string> line) const {
    line.front() = ProgramRunner::mvm_program().string();
    std::string script = "source ./bash; COMP_WORDS=(";
    for (const auto& word : line) script += "'" + word + "' ";
    script += "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _mvm; printf '%s\\n' \"${COMPREPLY[@]}\"";
    const auto done = runner_.run({"bash", "--norc", "-c", script});
    EXPECT_EQ(done.status.code, 0) << done.errors;
    EXPECT_EQ(done.errors, "");
    return words_of(done.output);
  }

  /// What a real interactive zsh shows after a TAB at the end of `line`.
  std::string complete_in_zsh(const std::string& line) const {
    const auto program = ProgramRunner::mvm_program();
    const auto script = R"(
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1=; PROMPT=; unsetopt zle_bracketed_paste 2>/dev/null; stty -echo; LISTMAX=1000'
zpty -w shell 'PATH=)" + program.parent_path().string() +
                        R"(:$PATH; fpath=()" + runner_.folder().string() + R"( $fpath)'
zpty -w shell 'autoload -U compinit; compinit -u -D; print LOAD""ED'
zpty -r shell seen '*LOADED*'
zpty -w -n shell $')" + line +
                        R"(\t\t'
zpty -w -n shell $'\C-a\C-k'
zpty -w shell $' print D""ONE'
zpty -r shell seen '*DONE*'
print -r -- $seen
zpty -d shell)";
    const auto done = runner_.run({"zsh", "-f", "-c", script}, std::chrono::seconds(30));
    EXPECT_FALSE(done.timed_out) << done.output;
    return done.output;
  }

  ProgramRunner runner_;
};

TEST_F(ShellCompletionTest, BashOffersVerbsAndOptions) {
  const auto verbs = complete_in_bash({"mvm", ""});
  for (const std::string verb : {"init", "validate", "plan", "graph", "build", "run", "list",
                                 "logs", "doctor", "completion", "--help", "--version"}) {
    EXPECT_TRUE(verbs.contains(verb)) << verb;
  }
  EXPECT_FALSE(verbs.contains("complete"));
  EXPECT_EQ(complete_in_bash({"mvm", "val"}), Words{"validate"});
  EXPECT_EQ(complete_in_bash({"mvm", "run", "--no"}), Words{"--no-prefix"});
  EXPECT_EQ(complete_in_bash({"mvm", "list", "-o", ""}), (Words{"json", "table"}));
  EXPECT_EQ(complete_in_bash({"mvm", "list", "--output", "=", "j"}), Words{"json"});
  EXPECT_EQ(complete_in_bash({"mvm", "completion", ""}), (Words{"bash", "zsh"}));
}

TEST_F(ShellCompletionTest, BashOffersProfilesAndTheirParameters) {
  EXPECT_EQ(complete_in_bash({"mvm", "run", "ri"}), Words{"ring"});
  EXPECT_EQ(complete_in_bash({"mvm", "run", "ring/"}), Words{"ring/ring.mvm.xml"});
  EXPECT_EQ(complete_in_bash({"mvm", "run", "ring", "-p", ""}), (Words{"tasks=", "title="}));
  EXPECT_EQ(complete_in_bash({"mvm", "run", "ring", "-p", "tasks", "=", "3", "-p", "ti"}),
            Words{"title="});
  EXPECT_EQ(complete_in_bash({"mvm", "run", "nowhere", "-p", ""}), Words{});
}

TEST_F(ShellCompletionTest, BashOffersGroups) {
  runner_.write("runs/ring-00000001/plan.json", "{}");
  std::filesystem::create_directories(runner_.folder() / "state/groups");
  std::filesystem::create_symlink(runner_.folder() / "runs/ring-00000001",
                                  runner_.folder() / "state/groups/ring-00000001");
  runner_.write("runs/ring-00000001/log/member.0.out", "x");
  EXPECT_EQ(complete_in_bash({"mvm", "logs", "ri"}), Words{"ring-00000001"});
  EXPECT_EQ(complete_in_bash({"mvm", "logs", "ring-00000001", ""}), Words{"member[0]"});
}

/// Parser, help, man pages and completion come from one table; this looks at them from outside.
TEST_F(ShellCompletionTest, EveryOptionIsInHelpAndManualAndParsed) {
  ASSERT_EQ(runner_.mvm({"manual", "man1"}).status.code, 0);
  std::size_t seen = 0;
  for (const std::string verb : {"init", "validate", "plan", "graph", "build", "run", "list",
                                 "logs", "doctor", "completion"}) {
    const auto help = runner_.mvm({verb, "--help"}).output;
    const auto manual = runner_.read("man1/mvm-" + verb + ".1");
    for (const auto& option : complete_in_bash({"mvm", verb, "--"})) {
      ++seen;
      EXPECT_NE(help.find(option), std::string::npos) << verb << " " << option;
      const auto in_troff = std::regex_replace(option, std::regex("-"), "\\-");
      EXPECT_NE(manual.find(in_troff), std::string::npos) << verb << " " << option;
      const auto done = runner_.mvm({verb, option, "/nowhere/at/all"});
      EXPECT_EQ(done.errors.find("unknown option"), std::string::npos) << verb << " " << option;
    }
  }
  EXPECT_GT(seen, 30U);
}

TEST_F(ShellCompletionTest, ZshLoadsAndOffersVerbsOptionsAndParameters) {
  EXPECT_EQ(runner_.run({"zsh", "-n", "_mvm"}).errors, "");
  EXPECT_NE(complete_in_zsh("mvm va").find("lidate"), std::string::npos);
  const auto options = complete_in_zsh("mvm run --");
  EXPECT_NE(options.find("--run-dir"), std::string::npos) << options;
  EXPECT_NE(options.find("--no-prefix"), std::string::npos) << options;
  const auto parameters = complete_in_zsh("mvm run ring -p ");
  EXPECT_NE(parameters.find("tasks="), std::string::npos) << parameters;
  EXPECT_NE(parameters.find("title="), std::string::npos) << parameters;
}

TEST_F(ShellCompletionTest, ZshScriptMayBeSourced) {
  const auto done =
      runner_.run({"zsh", "-f", "-c",
                   "autoload -U compinit; compinit -u -D; source ./_mvm; print $_comps[mvm]"});
  EXPECT_EQ(done.output, "_mvm\n");
  EXPECT_EQ(done.errors, "");
}

}  // namespace
}  // namespace mvm::test
