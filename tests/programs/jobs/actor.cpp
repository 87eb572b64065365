// SPDX-License-Identifier: GPL-3.0-or-later
// Tasks in a ring that do what their first argument says. `turn` lets a token go round, so that
// between any two of its calls every other task runs. See fiber_test.cpp.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
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
#include <mvm/job.hpp>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

int counter = 0;
thread_local int thread_counter = 0;
static int& counter_of_function() {
  static int inner = 0;
  return inner;
}
inline int inline_counter = 0;
template <typename T>
struct Holder {
  static inline int value = 0;
};

struct Farewell {
  ~Farewell() {
    if (speaks) std::cout << "farewell " << index << std::endl;
  }
  bool speaks = false;
  int index = 0;
} farewell;
struct ThreadFarewell {
  ~ThreadFarewell() {
    if (farewell.speaks) std::puts("thread farewell");
  }
};
thread_local ThreadFarewell thread_farewell;

void turn(mvm::Job& job, int rounds = 1) {
  for (int i = 0; i < rounds; ++i) {
    job.port("next").send(i);
    if (job.port("prev").receive<int>() != i) std::exit(99);
  }
}
[[noreturn]] void fail(const char* what) {
  std::printf("wrong: %s\n", what);
  std::fflush(stdout);
  std::_Exit(98);
}
void expect(bool claim, const char* what) {
  if (!claim) fail(what);
}

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
    if (how == "terminate") {
      std::set_terminate([] {
        std::puts("my handler");
        std::exit(5);
      });
      std::terminate();
    }
  };
  try {
    deep();
  } catch (int) {
  }
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
    if (how == "fpe") {
      volatile int zero = 0;
      zero = 7 / zero;
    }
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
      ~Waits() {
        expect(std::uncaught_exceptions() == 1, "uncaught_exceptions");
        turn(job);
      }
    };
    try {
      const Waits waits{job};
      throw self;
    } catch (int caught) {
      turn(job);
      expect(caught == self, "the inner exception");
    }
    turn(job);
    try {
      throw;
    } catch (const std::exception& again) {
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
    for (int seen = 0; seen < 200;)
      if (job.port("prev").try_receive<int>()) ++seen;
  } else {
    for (int seen = 0; seen < 200; ++seen) {
      std::optional<int> got;
      while (!(got = job.port("prev").try_receive<int>())) std::this_thread::yield();
      while (!job.port("next").try_send(*got)) {
      }
    }
  }
}

void threads(mvm::Job& job) {
  int got = -1;
  std::thread other([&] { got = job.port("prev").receive<int>(); });
  job.port("next").send(static_cast<int>(job.index()));
  while (true) {
    std::this_thread::sleep_for(1ms);
    if (other.joinable()) {
      other.join();
      break;
    }
  }
  expect(got == static_cast<int>((job.index() + job.count() - 1) % job.count()),
         "what a thread got");
}

/// In each round every task waits for its message in one of many ways, or has gone to sleep before.
void changes(mvm::Job& job) {
  auto& prev = job.port("prev");
  std::minstd_rand random(static_cast<unsigned>(job.index()) + 1);
  for (int i = 0; i < 3000; ++i) {
    job.port("next").send(i);
    int got = -1;
    switch (random() % 8) {
      case 0:
        got = job.receive_any().as<int>();
        break;
      case 1: {
        std::optional<int> value;
        while (!(value = prev.try_receive<int>())) std::this_thread::yield();
        got = *value;
        break;
      }
      case 2:
        if (const auto value = prev.receive_for<int>(10s)) got = *value;
        break;
      case 3:
        if (i % 16 == 0) usleep(100);
        got = prev.receive<int>();
        break;
      case 4:
        if (i % 64 == 0) {
          std::atomic<bool> done = false;
          std::thread other([&] {
            got = prev.receive<int>();
            done = true;
          });
          while (!done) std::this_thread::sleep_for(50us);  // `join` would stop the whole worker
          other.join();
          break;
        }
        [[fallthrough]];
      default:
        got = prev.receive<int>();
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
  if (act == "waits") {
    std::cout << "waiting" << std::endl;
    job.port("prev").receive<int>();
  }
}
