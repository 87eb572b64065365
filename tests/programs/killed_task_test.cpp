// SPDX-License-Identifier: GPL-3.0-or-later

/// Tasks are killed at random moments, and the counts in summary.json still add up and agree with
/// what the tasks themselves have counted.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <mvm/base/text.hpp>
#include <mvm/base/unique_fd.hpp>

#include "../queuelayer/test_seed.hpp"
#include "program_runner.hpp"
#include "summary_sums.hpp"

namespace mvm::test {
namespace {

namespace fs = std::filesystem;

/// Two senders and some receivers that count in a file what they do, so that it outlives them. One
/// task kills itself after a time.
constexpr const char* kTask = R"(
#include <atomic>
#include <csignal>
#include <chrono>
#include <fcntl.h>
#include <random>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>
#include <mvm/job.hpp>

struct Count { std::atomic<unsigned long> begun, done; };

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const auto& arguments = job.arguments();
  const bool sends = job.find_port("out") != nullptr;
  const auto self = job.index() + (sends ? 0 : 2);
  const int file = open(arguments.at(0).c_str(), O_RDWR);
  void* memory = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) return 9;
  Count& count = static_cast<Count*>(memory)[self];
  const auto messages = std::stoul(arguments.at(1));
  std::mt19937 engine(std::stoul(arguments.at(2)) + self);
  const auto random = [&engine] { return static_cast<unsigned>(engine()); };
  if (std::stoul(arguments.at(3)) == self) {
    std::thread([&arguments] {
      std::this_thread::sleep_for(std::chrono::microseconds(std::stoul(arguments.at(4))));
      kill(getpid(), SIGKILL);
    }).detach();
  }
  if (sends) {
    for (unsigned long i = 0; i < messages; ++i) {
      const std::string bytes(random() % 50 == 0 ? random() % 40000 : random() % 200, 'x');
      const mvm::Terms terms = random() % 2 == 0 ? mvm::Terms(mvm::Priority{random() % 4u})
                             : mvm::Terms(mvm::Deadline(std::chrono::microseconds(random() % 3000)));
      ++count.begun;
      try {
        job.port("out").send(bytes, terms);
        ++count.done;
      } catch (const mvm::full&) {
        --count.begun;
      }
    }
  } else {
    for (;;) {
      ++count.begun;
      if (!job.port("in").next<std::string>()) break;
      ++count.done;
    }
    --count.begun;
  }
}
)";

constexpr const char* kProfile = R"(<?xml version="1.0"?>
<profile xmlns="urn:mvm:profile:1" name="killed">
  <param name="counts" type="string"/>
  <param name="messages" type="int" default="6000"/>
  <param name="seed" type="int" default="1"/>
  <param name="victim" type="int" default="0"/>
  <param name="after" type="int" default="0"/>
  <param name="receivers" type="int" default="1"/>
  <param name="machines" type="int" default="1"/>
  <param name="type" type="string" default="fifo"/>
  <param name="overflow" type="string" default="block"/>
  <param name="capacity" type="int" default="16"/>
  <param name="ttl" type="string" default="none"/>
  <param name="loss" type="string" default="0%"/>
  <param name="action" type="string" default="end"/>
  <job name="sender" count="2">
    <source>task.cpp</source>
    <arg>${counts}</arg> <arg>${messages}</arg> <arg>${seed}</arg> <arg>${victim}</arg> <arg>${after}</arg>
  </job>
  <job name="receiver" count="${receivers}">
    <source>task.cpp</source>
    <arg>${counts}</arg> <arg>${messages}</arg> <arg>${seed}</arg> <arg>${victim}</arg> <arg>${after}</arg>
  </job>
  <topology><link from="sender[*].out" to="receiver.in" spread="shared"/></topology>
  <queues>
    <queue on="receiver[*].in" type="${type}" overflow="${overflow}" capacity="${capacity}"
           ttl="${ttl}" loss="${loss}"/>
  </queues>
  <cluster><machines count="${machines}"/></cluster>
  <policy><limits grace="20ms"/><on-failure action="${action}"/></policy>
</profile>
)";

struct Count {
  std::atomic<std::uint64_t> begun, done;
};

/// The file in which the tasks count.
class Counts {
 public:
  explicit Counts(const fs::path& path) : path_(path) {
    const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (::ftruncate(file.get(), kSize) != 0) throw std::runtime_error("no room for counts");
    void* const memory = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (memory == MAP_FAILED) throw std::runtime_error("no memory for counts");
    counts_ = static_cast<Count*>(memory);
  }
  ~Counts() { ::munmap(counts_, kSize); }
  Counts(const Counts&) = delete;
  Counts& operator=(const Counts&) = delete;

  [[nodiscard]] std::string path() const { return path_.string(); }
  [[nodiscard]] const Count& of(std::size_t task) const { return counts_[task]; }

 private:
  static constexpr std::size_t kSize = 4096;
  fs::path path_;
  Count* counts_ = nullptr;
};

struct Scene {
  std::vector<std::string> parameters;
  unsigned receivers = 1;
};

template <typename T, std::size_t N>
const T& one_of(const std::array<T, N>& all, std::mt19937& random) {
  return all[queue::random_below(random, N)];
}

Scene random_scene(std::mt19937& random) {
  constexpr std::array<const char*, 5> kTypes{"fifo", "priority", "lifo", "latest", "deadline"};
  constexpr std::array<const char*, 4> kOverflows{"block", "drop-oldest", "drop-newest", "fail"};
  const auto below = [&](std::uint64_t limit) { return queue::random_below(random, limit); };
  Scene scene;
  scene.receivers = static_cast<unsigned>(1 + below(2));
  const auto add = [&](const char* name, const auto& value) {
    scene.parameters.push_back(text(name, '=', value));
  };
  add("seed", below(1'000'000));
  add("receivers", scene.receivers);
  add("victim", below(2 + scene.receivers));
  add("after", below(std::uint64_t{1} << (6 + below(7))));  // up to 4 ms, most of them shorter
  add("machines", 1 + below(2));
  add("type", one_of(kTypes, random));
  add("overflow", one_of(kOverflows, random));
  add("capacity", std::uint64_t{1} << below(8));
  add("action", below(2) == 0 ? "end" : "continue");
  if (below(3) == 0) add("ttl", "1ms");
  if (below(4) == 0) add("loss", "10%");
  return scene;
}

/// Of a killed task the last act may have been done and not yet counted.
void expect_agreement(const nlohmann::json& summary, const Counts& counts, unsigned receivers) {
  std::uint64_t dequeued = 0;
  for (const auto& channel : summary.at("channels")) {
    const auto& sender = counts.of(channel.at("from") == "sender[0].out" ? 0 : 1);
    EXPECT_GE(channel.at("enqueued"), sender.done.load()) << channel.dump();
    EXPECT_LE(channel.at("enqueued"), sender.begun.load()) << channel.dump();
    dequeued += channel.at("dequeued").get<std::uint64_t>();
  }
  std::uint64_t begun = 0, done = 0;
  for (unsigned r = 0; r < receivers; ++r) {
    begun += counts.of(2 + r).begun;
    done += counts.of(2 + r).done;
  }
  EXPECT_GE(dequeued, done);
  EXPECT_LE(dequeued, begun);
}

TEST(KilledTask, LeavesSumsThatAddUpAndAgreeWithWhatTheTasksHaveCounted) {
  const char* wanted = std::getenv("MVM_RUNS");
  const int runs = wanted != nullptr ? std::atoi(wanted) : 30;
  std::mt19937 random(queue::test_seed());
  ProgramRunner runner;
  runner.write("task.cpp", kTask);
  runner.write("killed.mvm.xml", kProfile);
  int killed = 0;
  for (int i = 0; i < runs && !testing::Test::HasFailure(); ++i) {
    const auto scene = random_scene(random);
    const Counts counts(runner.folder() / text("counts-", i));
    const auto folder = runner.folder() / text("run-", i);
    std::vector<std::string> words = {"run", "killed.mvm.xml",         "--run-dir", folder.string(),
                                      "-p",  "counts=" + counts.path()};
    std::string shown;
    for (const auto& parameter : scene.parameters) {
      words.insert(words.end(), {"-p", parameter});
      shown += " " + parameter;
    }
    SCOPED_TRACE(text("run ", i, ":", shown));
    const auto done = runner.mvm(words);
    ASSERT_FALSE(done.timed_out);
    killed += done.status.code == 128 + SIGKILL;
    EXPECT_TRUE(done.status.code == 0 || done.status.code == 128 + SIGKILL) << done.errors;
    for (const auto& run : fs::directory_iterator(folder)) {
      const auto summary = nlohmann::json::parse(runner.read(run.path() / "summary.json"));
      ASSERT_EQ(summary.at("channels").size(), 2u);
      expect_sums(summary);
      expect_agreement(summary, counts, scene.receivers);
    }
  }
  EXPECT_GT(killed, runs / 4) << "hardly a task lived long enough to be killed";
}

}  // namespace
}  // namespace mvm::test
