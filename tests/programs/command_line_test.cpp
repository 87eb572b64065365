// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "program_runner.hpp"

namespace mvm::test {
namespace {

class CommandLineTest : public testing::Test {
 protected:
  ProgramRunner runner_;
};

TEST_F(CommandLineTest, HelpGoesToStandardOutputAndIsASuccess) {
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"--help"}, {"-h"}, {"help"}, {"run", "--help"}, {"run", "-h"}, {"help", "run"}}) {
    const auto done = runner_.mvm(words);
    EXPECT_EQ(done.status.code, 0);
    EXPECT_NE(done.output.find("Usage: mvm "), std::string::npos) << done.output;
    EXPECT_EQ(done.errors, "");
  }
}

TEST_F(CommandLineTest, HelpWinsOverOtherMistakes) {
  EXPECT_EQ(runner_.mvm({"run", "--nonsense", "--help"}).status.code, 0);
}

TEST_F(CommandLineTest, VersionIsOneLine) {
  const auto done = runner_.mvm({"--version"});
  EXPECT_EQ(done.status.code, 0);
  EXPECT_TRUE(done.output.starts_with("mvm 0."));
  EXPECT_EQ(done.output.find('\n'), done.output.size() - 1);
}

TEST_F(CommandLineTest, WithoutWordsItHelpsButIsAMistake) {
  const auto done = runner_.mvm({});
  EXPECT_EQ(done.status.code, 2);
  EXPECT_EQ(done.output, "");
  EXPECT_NE(done.errors.find("Usage: mvm VERB"), std::string::npos);
}

TEST_F(CommandLineTest, UnknownWordsAreRefusedWithTheNearest) {
  const auto verb = runner_.mvm({"validte"});
  EXPECT_EQ(verb.status.code, 2);
  EXPECT_EQ(verb.errors,
            "mvm: unknown verb 'validte', did you mean 'validate'?\n  see 'mvm --help'\n");
  const auto option = runner_.mvm({"run", "--quite", "x"});
  EXPECT_EQ(option.status.code, 2);
  EXPECT_EQ(option.errors,
            "mvm run: unknown option '--quite', did you mean '--quiet'?\n"
            "  see 'mvm run --help'\n");
  EXPECT_EQ(runner_.mvm({"--nonsense"}).status.code, 2);
}

TEST_F(CommandLineTest, MistakesOfUsageAreNamed) {
  const auto message = [this](std::vector<std::string> words) {
    const auto done = runner_.mvm(std::move(words));
    EXPECT_EQ(done.status.code, 2);
    EXPECT_EQ(done.output, "");
    return done.errors.substr(0, done.errors.find('\n'));
  };
  EXPECT_EQ(message({"run"}),
            "mvm run: PROFILE is missing: A profile (*.mvm.xml), or the folder that holds it.");
  EXPECT_EQ(message({"run", "a", "b"}), "mvm run: unexpected word 'b'");
  EXPECT_EQ(message({"run", "a", "-p", "side"}),
            "mvm run: -p 'side' has no '='; write -p NAME=VALUE");
  EXPECT_EQ(message({"run", "a", "-p"}), "mvm run: --parameter: 1 required NAME=VALUE missing");
  EXPECT_EQ(message({"plan", "a", "-o", "xml"}),
            "mvm plan: -o cannot be 'xml'; choose one of: table, json");
  EXPECT_EQ(message({"completion", "fish"}),
            "mvm completion: SHELL cannot be 'fish'; choose one of: bash, zsh");
  EXPECT_EQ(message({"run", "a", "--endpoint", "ipc://x"}),
            "mvm run: --endpoint 'ipc://x' does not begin with tcp://; write tcp://ADDRESS:PORT");
  EXPECT_EQ(message({"run", "a", "--direct-endpoint", "x"}),
            "mvm run: --direct-endpoint 'x' does not begin with tcp://; write tcp://ADDRESS:PORT");
  EXPECT_EQ(message({"run", "a", "--launch", "ssh 'x"}),
            "mvm run: the quote ' is not closed in: ssh 'x");
  EXPECT_EQ(message({"doctor", "--fix"}),
            "mvm doctor: --fix works on what --leaks finds; give both");
}

TEST_F(CommandLineTest, VerbsOfLaterVersionsAreRefusedByName) {
  for (const std::string verb :
       {"submit", "cancel", "checkpoint", "restore", "connect", "disconnect", "lab", "node", "vm",
        "image", "profile", "cert", "policy"}) {
    const auto done = runner_.mvm({verb, "anything"});
    EXPECT_EQ(done.status.code, 125) << verb;
    EXPECT_TRUE(done.errors.starts_with("mvm " + verb + ": not available in this version"))
        << done.errors;
  }
}

TEST_F(CommandLineTest, OptionsAreReadInEveryUsualForm) {
  for (const auto& words : std::vector<std::vector<std::string>>{{"list", "-o", "json"},
                                                                 {"list", "-ojson"},
                                                                 {"list", "--output=json"},
                                                                 {"list", "--output", "json"},
                                                                 {"list", "-q", "-o", "json"}}) {
    EXPECT_EQ(runner_.mvm(words).status.code, 0);
  }
}

TEST_F(CommandLineTest, AfterTwoDashesNothingIsAnOption) {
  const auto done = runner_.mvm({"validate", "--", "--help"});
  EXPECT_EQ(done.status.code, 1);
  EXPECT_NE(done.errors.find("--help"), std::string::npos);
}

TEST_F(CommandLineTest, HostileWordsDoNoHarm) {
  const std::string long_word(100'000, 'x');
  const std::vector<std::string> hostile = {"",
                                            "-",
                                            "--=",
                                            "-=",
                                            "=",
                                            "\n",
                                            "\x1b[2J",
                                            "%s%n",
                                            "\xff\xfe",
                                            ".",
                                            "..",
                                            "/",
                                            "~",
                                            "$(reboot)",
                                            "`reboot`",
                                            "../../etc",
                                            long_word,
                                            "-p" + long_word,
                                            "--" + long_word,
                                            "-o=json=json",
                                            "++",
                                            "@file",
                                            "[a,b]",
                                            "{}"};
  for (const std::string verb :
       {"validate", "plan", "graph", "build", "run", "logs", "completion"}) {
    for (const auto& word : hostile) {
      const auto done = runner_.mvm({verb, word});
      EXPECT_EQ(done.status.signal, 0) << verb << " " << word.substr(0, 40);
      EXPECT_NE(done.status.code, 0) << verb << " " << word.substr(0, 40);
      EXPECT_NE(done.errors, "") << verb << " " << word.substr(0, 40);
    }
  }
}

TEST_F(CommandLineTest, SurvivesTenThousandOptions) {
  std::vector<std::string> words = {"validate", "nowhere"};
  for (int i = 0; i < 10'000; ++i) {
    words.insert(words.end(), {"-p", "name=" + std::to_string(i)});
  }
  const auto done = runner_.mvm(words);
  EXPECT_EQ(done.status.code, 1);
}

}  // namespace
}  // namespace mvm::test
