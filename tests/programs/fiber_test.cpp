// SPDX-License-Identifier: GPL-3.0-or-later

// Tasks as fibers: what a process has for itself, each of them has for itself; and what ends one of
// them is told of the right one.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <vector>

#include <mvm/base/text.hpp>

#include "program_runner.hpp"

namespace mvm::test {
namespace {

namespace fs = std::filesystem;

class FiberTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* file : {"actor.cpp", "actors.mvm.xml"}) {
      fs::copy_file(fs::path(MVM_SOURCE_DIR) / "tests/programs/jobs" / file,
                    runner_.folder() / file);
    }
    // One cache for all tests of this program: the actor is compiled once.
    runner_.set_environment("MVM_CACHE_DIR=" MVM_BINARY_DIR "/tests/fiber-cache");
  }
  [[nodiscard]] static std::vector<std::string> words(const std::string& act,
                                                      std::vector<std::string> more) {
    std::vector<std::string> all = {"run", "actors.mvm.xml", "-p", "act=" + act};
    for (auto& word : more) all.insert(all.end(), {"-p", std::move(word)});
    return all;
  }
  Completed act(const std::string& name, std::vector<std::string> more = {}) {
    return runner_.mvm(words(name, std::move(more)));
  }
  [[nodiscard]] fs::path run_directory() const {
    for (const auto& entry : fs::directory_iterator(runner_.folder() / "mvm-runs")) {
      return entry.path();
    }
    return {};
  }
  [[nodiscard]] nlohmann::json summary() const {
    return nlohmann::json::parse(runner_.read(run_directory() / "summary.json"));
  }
  [[nodiscard]] std::vector<std::string> ends() const {
    std::vector<std::string> all;
    const auto told = summary();
    for (const auto& task : told["tasks"]) all.push_back(task["end"]);
    return all;
  }
  [[nodiscard]] std::string log(int task, const std::string& stream) const {
    const auto file = run_directory() / text("log/actor.", task, '.', stream);
    return fs::exists(file) ? runner_.read(file) : std::string();
  }

  ProgramRunner runner_;
};

/// Acts that tell by their status whether all was as it should be, on one machine and on two.
class FiberActTest : public FiberTest, public testing::WithParamInterface<const char*> {};

TEST_P(FiberActTest, Succeeds) {
  for (const auto machines : {1, 2}) {
    const auto done = act(GetParam(), {text("machines=", machines)});
    EXPECT_FALSE(done.timed_out);
    EXPECT_EQ(done.status.shell_status(), 0) << done.output << done.errors;
    EXPECT_EQ(done.output.find("wrong"), std::string::npos) << done.output;
  }
}

INSTANTIATE_TEST_SUITE_P(Acts, FiberActTest,
                         testing::Values("own-memory", "own-folder", "exceptions", "times", "polls", "changes",
                                         "threads", "collectives"),
                         [](const auto& tested) {
                           std::string name = tested.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST_F(FiberTest, FilesAreCollectedFromEachTasksOwnFolder) {
  ASSERT_EQ(act("own-folder").status.code, 0);
  for (int task = 0; task < 5; ++task) {
    const auto folder = run_directory() / text("output/actor.", task);
    EXPECT_EQ(runner_.read(folder / "plain.txt"), std::to_string(task));
    EXPECT_EQ(runner_.read(folder / "moved.txt"), std::to_string(task));
  }
  EXPECT_FALSE(fs::exists(run_directory() / "work"));
}

TEST_F(FiberTest, OutputIsEachTasksOwnWholeLineByLine) {
  const auto done = act("own-streams");
  ASSERT_EQ(done.status.code, 0) << done.output << done.errors;
  const std::vector<std::string> numbers = {"**10", "***b", "**12", "***d", "**14"};
  for (int task = 0; task < 5; ++task) {
    const auto number = numbers[static_cast<std::size_t>(task)];
    EXPECT_EQ(log(task, "out"), text("begin middle ", task, ' ', number, " end\nraw ", task, '\n',
                                     task == 1 ? "" : "after\n"));
    EXPECT_EQ(log(task, "err"), text("error ", task, '\n'));
    EXPECT_NE(done.output.find(text("actor[", task, "]: raw ", task, '\n')), std::string::npos)
        << done.output;
  }
}

struct Ending {
  const char* how;
  const char* end;
  int status;
  const char* output;  ///< of the task that ends
  const char* errors;  ///< a part of it

  friend std::ostream& operator<<(std::ostream& out, const Ending& tested) {
    return out << tested.how;
  }
};

class FiberEndTest : public FiberTest, public testing::WithParamInterface<Ending> {};

TEST_P(FiberEndTest, EndsTheTaskAlone) {
  const auto& expected = GetParam();
  const auto done = act("ends", {text("how=", expected.how), "failure=continue"});
  const auto tasks = summary()["tasks"];
  EXPECT_EQ(tasks[1]["end"], expected.end) << done.errors;
  EXPECT_EQ(tasks[1]["status"], expected.status);
  for (const int other : {0, 3, 4}) EXPECT_EQ(tasks[other]["end"], "succeeded") << done.errors;
  EXPECT_EQ(log(1, "out"), expected.output);
  EXPECT_NE(done.errors.find(expected.errors), std::string::npos) << done.errors;
}

INSTANTIATE_TEST_SUITE_P(
    Endings, FiberEndTest,
    testing::Values(Ending{"exit", "failed", 3, "thread farewell\nhandler\nfarewell 1\n", ""},
                    Ending{"return", "succeeded", 0, "thread farewell\nhandler\nfarewell 1\n", ""},
                    Ending{"_exit", "failed", 4, "", ""},
                    Ending{"abort", "signalled", SIGABRT, "", ""},
                    Ending{"assert", "signalled", SIGABRT, "", "Assertion `1 + 1 == 3' failed"},
                    Ending{"throw", "signalled", SIGABRT, "", "no way out"},
                    Ending{"misuse", "failed", 1, "", "actor[1] has no port 'nowhere'"},
                    Ending{"closed", "follower", 1, "", "nobody there"},
                    Ending{"terminate", "failed", 5,
                           "my handler\nthread farewell\nhandler\nfarewell 1\n", ""}),
    [](const auto& tested) {
      std::string name = tested.param.how;
      std::erase(name, '_');
      return name + (tested.param.how[0] == '_' ? "AtOnce" : "");
    });

struct Crash {
  const char* how;
  int signal;

  friend std::ostream& operator<<(std::ostream& out, const Crash& tested) {
    return out << tested.how;
  }
};

class FiberCrashTest : public FiberTest, public testing::WithParamInterface<Crash> {};

TEST_P(FiberCrashTest, EndsTheWorkerAndIsToldOfTheRightTask) {
  const auto& [how, signal] = GetParam();
  // One machine with one core: one worker.
  auto profile = runner_.read("actors.mvm.xml");
  const std::string plain = "<machines count=\"${machines}\"/>";
  profile.replace(profile.find(plain), plain.size(), "<machines cpus=\"1\"/>");
  runner_.write("actors.mvm.xml", profile);
  const auto done = act("crashes", {text("how=", how)});
  EXPECT_EQ(done.status.shell_status(), 128 + signal) << done.errors;
  const auto found = ends();
  const auto culprits = std::ranges::count(found, "signalled");
  EXPECT_EQ(culprits, 1);
  if (signal == SIGKILL) return;  // nobody can tell who did it
  EXPECT_EQ(found[2], "signalled");
  EXPECT_EQ(std::ranges::count(found, "lost-with-worker"), 4) << summary()["tasks"].dump(1);
  EXPECT_NE(std::string(summary()["cause"]).find("actor[2]"), std::string::npos);
  for (int task = 0; task < 5; ++task) EXPECT_EQ(log(task, "out"), "not flushed");
  const bool overflow = std::string_view(how) == "overflow";
  EXPECT_EQ(done.errors.find("its stack of 128 KiB is used up") != std::string::npos, overflow);
}

INSTANTIATE_TEST_SUITE_P(Crashes, FiberCrashTest,
                         testing::Values(Crash{"segv", SIGSEGV}, Crash{"overflow", SIGSEGV},
                                         Crash{"fpe", SIGFPE}, Crash{"raise", SIGILL},
                                         Crash{"kill", SIGKILL}),
                         [](const auto& tested) { return std::string(tested.param.how); });

/// As many tasks as MVM_SIDE squared, 1,024 usually, exchange with their neighbours; then each
/// knows the sum of what lies within so many steps of it.
TEST_F(FiberTest, AThousandTasksInATorusExchangeWithTheirNeighbours) {
  const char* side_words = std::getenv("MVM_SIDE");
  const auto side = side_words != nullptr ? std::stoul(side_words) : 32UL;
  runner_.write("cell.cpp", R"(
#include <cstdio>
#include <mvm/job.hpp>
int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  long value = 1;
  for (int step = 0; step < 20; ++step) {
    for (auto* port : job.ports()) port->send(value);
    for (auto* port : job.ports()) value += port->receive<long>();
  }
  if (job.index() % 100 == 0) std::printf("%ld\n", value);
}
)");
  const auto profile = text(R"(<profile xmlns="urn:mvm:profile:1" name="torus">
  <job name="cell" count=")",
                            side * side, R"(" execution="fiber"><source>cell.cpp</source></job>
  <topology><graph kind="torus" over="cell" dims=")",
                            side, ' ', side, R"("/></topology>
</profile>)");
  runner_.write("torus.mvm.xml", profile);
  const auto done = runner_.mvm({"run", "torus.mvm.xml"}, std::chrono::minutes(15));
  ASSERT_EQ(done.status.code, 0) << done.errors;
  // Each step multiplies what all have by five.
  std::size_t lines = 0;
  for (std::size_t at = 0; (at = done.output.find(": 95367431640625\n", at)) != std::string::npos;
       ++at) {
    ++lines;
  }
  EXPECT_EQ(lines, (side * side + 99) / 100) << done.output;
  const auto told = summary();
  std::uint64_t memory = 0;
  for (const auto& task : told["tasks"]) {
    EXPECT_EQ(task["end"], "succeeded");
    memory = std::max(memory, task["peak_memory_bytes"].get<std::uint64_t>());
  }
  std::printf("%lu tasks: %lu KiB each, of the workers' memory\n", side * side, memory >> 10);
}

TEST_F(FiberTest, ADeadlockIsFound) {
  const auto done = act("deadlock");
  EXPECT_EQ(done.status.code, 122) << done.errors;
  EXPECT_NE(done.errors.find("actor[0]"), std::string::npos) << done.errors;
}

TEST_F(FiberTest, TheTimeLimitEndsAll) {
  const auto done = act("waits", {"limit=300ms", "tasks=3"});
  EXPECT_TRUE(done.status.code == 124 || done.status.code == 122) << done.errors;
  for (const auto& end : ends()) EXPECT_EQ(end, "stopped");
}

TEST_F(FiberTest, AnInterruptEndsAllAndLeavesNothing) {
  auto program = runner_.start_mvm(words("waits", {"tasks=3"}));
  ASSERT_TRUE(program.read_until("actor[1]: waiting")) << program.errors();
  program.send_signal(SIGINT);
  const auto done = program.finish();
  EXPECT_EQ(done.status.code, 130) << done.errors;
  EXPECT_FALSE(fs::exists(run_directory() / "work"));
}

TEST_F(FiberTest, AKilledStarterTakesTheWorkersWithIt) {
  auto program = runner_.start_mvm(words("waits", {"tasks=3"}));
  ASSERT_TRUE(program.read_until("actor[2]: waiting")) << program.errors();
  const auto listed = runner_.mvm({"inspect", "-o", "json"});
  program.send_signal(SIGKILL);
  EXPECT_EQ(program.finish().status.signal, SIGKILL);
  // Its pipes end only when nobody holds them any more.
}

}  // namespace
}  // namespace mvm::test
