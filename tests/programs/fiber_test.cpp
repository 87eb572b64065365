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

/// Tasks in a ring that do what their first argument says. `turn` lets a token go round, so that
/// between any two of its calls every other task runs.
constexpr const char* kActor = R"(
#include <atomic>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <mvm/job.hpp>

using namespace std::chrono_literals;

int counter = 0;
thread_local int thread_counter = 0;
static int& counter_of_function() { static int inner = 0; return inner; }
inline int inline_counter = 0;
template <typename T> struct Holder { static inline int value = 0; };

struct Farewell {
  ~Farewell() { if (speaks) std::cout << "farewell " << index << std::endl; }
  bool speaks = false;
  int index = 0;
} farewell;
struct ThreadFarewell {
  ~ThreadFarewell() { if (farewell.speaks) std::puts("thread farewell"); }
};
thread_local ThreadFarewell thread_farewell;

void turn(mvm::Job& job, int rounds = 1) {
  for (int i = 0; i < rounds; ++i) {
    job.port("next").send(i);
    if (job.port("prev").receive<int>() != i) std::exit(99);
  }
}
[[noreturn]] void fail(const char* what) { std::printf("wrong: %s\n", what); std::fflush(stdout); std::_Exit(98); }
void expect(bool claim, const char* what) { if (!claim) fail(what); }

void own_memory(mvm::Job& job) {
  const int self = static_cast<int>(job.index()) + 1;
  counter = thread_counter = counter_of_function() = inline_counter = Holder<int>::value = self;
  errno = self;
  turn(job, 3);
  expect(errno == self, "errno");
  expect(counter == self, "a global variable");
  expect(thread_counter == self, "a thread_local variable");
  expect(counter_of_function() == self, "a static variable");
  expect(inline_counter == self, "an inline variable");
  expect(Holder<int>::value == self, "a template's variable");
  expect(std::getenv("WHO") == "task " + std::to_string(job.index()), "the environment");
}

void own_folder(mvm::Job& job) {
  const auto self = std::to_string(job.index());
  std::ofstream("plain.txt") << self;
  turn(job);
  expect(std::filesystem::exists("plain.txt") && !std::filesystem::exists("other.txt"), "exists");
  std::filesystem::create_directory("below");
  turn(job);
  std::filesystem::current_path("below");
  turn(job);
  expect(std::filesystem::current_path() == std::string(job.directory()) + "/below", "getcwd");
  std::FILE* file = std::fopen("deep.txt", "w");
  turn(job);
  std::fputs(self.c_str(), file);
  std::fclose(file);
  std::rename("deep.txt", "../moved.txt");
  turn(job);
  const int descriptor = open("../moved.txt", O_RDONLY);
  char letter = 0;
  expect(read(descriptor, &letter, 1) == 1 && letter == self[0], "open and read");
  struct stat status;
  turn(job);
  expect(stat("../plain.txt", &status) == 0 && status.st_size == 1, "stat");
  expect(std::system("test -e ../plain.txt") == 0, "system");
  expect(access("nothing.txt", F_OK) != 0 && errno == ENOENT, "access");
}

void own_streams(mvm::Job& job) {
  const auto self = job.index();
  std::cout << std::setfill('*') << (self % 2 ? std::hex : std::dec);
  std::cout << "begin ";
  turn(job);
  std::printf("middle %zu ", self);
  turn(job);
  std::cout << std::setw(4) << 10 + self << ' ';
  turn(job);
  std::puts("end");
  std::cerr << "error " << self << '\n';
  std::fflush(stdout);
  turn(job);
  const std::string raw = "raw " + std::to_string(self) + "\n";
  expect(write(STDOUT_FILENO, raw.data(), raw.size()) == static_cast<ssize_t>(raw.size()), "write");
  if (self == 1) std::cout.setstate(std::ios::badbit);
  turn(job);
  expect(std::cout.good() == (self != 1), "state of std::cout");
  std::ios::sync_with_stdio(false);
  std::cout << "after\n";
}

void ends(mvm::Job& job, const std::string& how) {
  farewell.index = static_cast<int>(job.index());
  (void)&thread_farewell;
  turn(job);
  if (job.index() != 1) return;
  farewell.speaks = true;
  std::atexit([] { std::puts("handler"); });
  const std::function<void()> deep = [&] {
    if (how == "exit") std::exit(3);
    if (how == "return") throw 1;
    if (how == "_exit") _exit(4);
    if (how == "abort") std::abort();
    if (how == "assert") assert(1 + 1 == 3);
    if (how == "throw") throw std::runtime_error("no way out");
    if (how == "misuse") job.port("nowhere");
    if (how == "closed") throw mvm::closed("nobody there");
    if (how == "terminate") { std::set_terminate([] { std::puts("my handler"); std::exit(5); }); std::terminate(); }
  };
  try { deep(); } catch (int) { }
}

[[gnu::noinline]] int fall(int depth) {
  volatile char much[4096];
  much[0] = static_cast<char>(depth);
  return fall(depth + 1) + much[0];
}

void crashes(mvm::Job& job, const std::string& how) {
  std::printf("not flushed");
  job.barrier();
  if (job.index() == 2) {
    if (how == "segv") *static_cast<volatile int*>(nullptr) = 1;
    if (how == "overflow") fall(0);
    if (how == "fpe") { volatile int zero = 0; zero = 7 / zero; }
    if (how == "raise") std::raise(SIGILL);
    if (how == "kill") kill(getpid(), SIGKILL);
  }
  job.barrier();
}

void exceptions(mvm::Job& job) {
  const int self = static_cast<int>(job.index());
  try {
    throw std::runtime_error(std::to_string(self));
  } catch (const std::exception&) {
    turn(job);
    struct Waits {
      mvm::Job& job;
      ~Waits() { expect(std::uncaught_exceptions() == 1, "uncaught_exceptions"); turn(job); }
    };
    try {
      const Waits waits{job};
      throw self;
    } catch (int caught) {
      turn(job);
      expect(caught == self, "the inner exception");
    }
    turn(job);
    try { throw; } catch (const std::exception& again) {
      expect(again.what() == std::to_string(self), "the exception that is thrown again");
    }
    expect(std::uncaught_exceptions() == 0, "uncaught_exceptions at the end");
  }
}

void times(mvm::Job& job) {
  const auto begin = std::chrono::steady_clock::now();
  const auto passed = [&] { return std::chrono::steady_clock::now() - begin; };
  expect(!job.port("prev").receive_for<int>(50ms), "a message that nobody sent");
  expect(passed() >= 50ms, "a time limit that came too early");
  std::this_thread::sleep_for(30ms);
  usleep(20000);
  expect(passed() >= 100ms, "a sleep that was too short");
  job.barrier();  // nobody waits for a message any more
  const auto fell_asleep = passed();
  job.port("next").send(1);
  usleep(50000);
  expect(passed() - fell_asleep >= 50ms, "a message that ended a sleep");
  job.port("prev").receive<int>();
  job.barrier();  // or a quick task's message would reach a slow one that expects none yet
  turn(job);
}

void polls(mvm::Job& job) {
  if (job.index() == 0) {
    for (int i = 0; i < 200; ++i) job.port("next").send(i);
    for (int seen = 0; seen < 200;) if (job.port("prev").try_receive<int>()) ++seen;
  } else {
    for (int seen = 0; seen < 200; ++seen) {
      std::optional<int> got;
      while (!(got = job.port("prev").try_receive<int>())) std::this_thread::yield();
      while (!job.port("next").try_send(*got)) {}
    }
  }
}

void threads(mvm::Job& job) {
  int got = -1;
  std::thread other([&] { got = job.port("prev").receive<int>(); });
  job.port("next").send(static_cast<int>(job.index()));
  while (true) { std::this_thread::sleep_for(1ms); if (other.joinable()) { other.join(); break; } }
  expect(got == static_cast<int>((job.index() + job.count() - 1) % job.count()), "what a thread got");
}

/// In each round every task waits for its message in one of many ways, or has gone to sleep before.
void changes(mvm::Job& job) {
  auto& prev = job.port("prev");
  std::minstd_rand random(static_cast<unsigned>(job.index()) + 1);
  for (int i = 0; i < 3000; ++i) {
    job.port("next").send(i);
    int got = -1;
    switch (random() % 8) {
      case 0: got = job.receive_any().as<int>(); break;
      case 1: {
        std::optional<int> value;
        while (!(value = prev.try_receive<int>())) std::this_thread::yield();
        got = *value;
        break;
      }
      case 2: if (const auto value = prev.receive_for<int>(10s)) got = *value; break;
      case 3: if (i % 16 == 0) usleep(100); got = prev.receive<int>(); break;
      case 4:
        if (i % 64 == 0) {
          std::atomic<bool> done = false;
          std::thread other([&] { got = prev.receive<int>(); done = true; });
          while (!done) std::this_thread::sleep_for(50us);  // `join` would stop the whole worker
          other.join();
          break;
        }
        [[fallthrough]];
      default: got = prev.receive<int>();
    }
    expect(got == i, "a message of another round");
    if (i % 200 == 0) job.barrier();
  }
}

void collectives(mvm::Job& job) {
  for (int i = 0; i < 50; ++i) {
    const auto sum = job.all_reduce(job.index() + 1, mvm::sum);
    expect(sum == job.count() * (job.count() + 1) / 2, "all_reduce");
    job.barrier();
  }
}

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const std::string act = job.arguments().at(0);
  const std::string how = job.arguments().at(1);
  if (act == "own-memory") own_memory(job);
  if (act == "own-folder") own_folder(job);
  if (act == "own-streams") own_streams(job);
  if (act == "ends") ends(job, how);
  if (act == "crashes") crashes(job, how);
  if (act == "exceptions") exceptions(job);
  if (act == "times") times(job);
  if (act == "polls") polls(job);
  if (act == "threads") threads(job);
  if (act == "changes") changes(job);
  if (act == "collectives") collectives(job);
  if (act == "deadlock") job.port("prev").receive<int>();
  if (act == "waits") { std::cout << "waiting" << std::endl; job.port("prev").receive<int>(); }
}
)";

constexpr const char* kActors = R"(<?xml version="1.0"?>
<profile xmlns="urn:mvm:profile:1" name="actors">
  <param name="act" type="string" default="own-memory"/>
  <param name="how" type="string" default=""/>
  <param name="tasks" type="int" default="5"/>
  <param name="machines" type="int" default="1"/>
  <param name="limit" type="string" default="1h"/>
  <param name="failure" type="string" default="end"/>
  <param name="stack" type="string" default="128KiB"/>
  <job name="actor" count="${tasks}" execution="fiber" stack="${stack}">
    <source>actor.cpp</source>
    <arg>${act}</arg><arg>${how}</arg>
    <env name="WHO" value="task ${index}"/>
    <output>*.txt</output>
  </job>
  <topology><graph kind="ring" over="actor"/></topology>
  <cluster><machines count="${machines}"/></cluster>
  <policy><limits wall-time="${limit}"/><on-failure action="${failure}"/></policy>
</profile>
)";

class FiberTest : public testing::Test {
 protected:
  void SetUp() override {
    runner_.write("actor.cpp", kActor);
    runner_.write("actors.mvm.xml", kActors);
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
  runner_.write("actors.mvm.xml", [] {
    std::string profile = kActors;
    const std::string plain = "<machines count=\"${machines}\"/>";
    return profile.replace(profile.find(plain), plain.size(), "<machines cpus=\"1\"/>");
  }());
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
