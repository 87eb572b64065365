// SPDX-License-Identifier: GPL-3.0-or-later
// Builds that are killed, raced, starved or stopped: the cache stays whole and nothing is left.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <random>
#include <set>
#include <thread>

#include "build_fixture.hpp"
#include "eviction.hpp"
#include "manifest.hpp"

namespace mvm::build {
namespace {

namespace fs = std::filesystem;

/// Instantiates 2^40 templates: compiles for ever, and grows while it does.
constexpr std::string_view kBomb =
    "template <int N, long M> struct Tree {\n"
    "  static const long v = Tree<N - 1, 2 * M>::v + Tree<N - 1, 2 * M + 1>::v;\n"
    "};\n"
    "template <long M> struct Tree<0, M> { static const long v = M; };\n"
    "int main() { return Tree<40, 1>::v; }\n";

class HardshipTest : public BuildTest {
 protected:
  void SetUp() override {
    BuildTest::SetUp();
    // Orphans of what we kill come to us, so that we can tell that they have ended.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  }

  /// Runs `work` in a child process; its result is the exit code.
  template <typename Work>
  static pid_t in_child(Work work) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(work());
    return child;
  }

  static int exit_code_of(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  /// Waits until no child and no orphan is left. A process that stays makes the test time out.
  static void await_everybody() {
    while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
    }
  }

  static bool nobody_left() { return ::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD; }

  /// Every result in the cache is whole.
  void expect_cache_whole() const {
    for (const auto& result : list_results(settings_.cache / "v1")) {
      const auto bytes = read_file(result.folder / "manifest", 64_MiB);
      ASSERT_TRUE(bytes) << result.folder;
      const auto manifest = Manifest::decode(*bytes);
      ASSERT_TRUE(manifest) << result.folder;
      EXPECT_EQ(fs::file_size(result.folder / manifest->product), manifest->product_size);
    }
  }

  void write_two_units(int number) {
    request_.sources = {
        write("a.cpp", "#include <cstdio>\nint f();\nint main() { std::printf(\"%d\", f()); }\n"),
        write("b.cpp", "int f() { return " + std::to_string(number) + "; }\n")};
  }
};

TEST_F(HardshipTest, EightProcessesThatBuildTheSameMakeItOnce) {
  write_two_units(1);
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    children.push_back(in_child([this] {
      const auto built = build();
      return built && output_of(built->program) == "1" ? 0 : 1;
    }));
  }
  for (const pid_t child : children) EXPECT_EQ(exit_code_of(child), 0);
  EXPECT_EQ(calls().size(), 3u);
  EXPECT_EQ(cache_figures(settings_.cache).programs, 1u);
  EXPECT_TRUE(fs::is_empty(work_folder()));
  expect_cache_whole();
}

TEST_F(HardshipTest, EightThreadsWithTheirOwnBuildersAgree) {
  write_two_units(1);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([this] {
      const auto built = build();
      EXPECT_TRUE(built) << built.error().message;
    });
  }
  threads.clear();
  EXPECT_EQ(calls().size(), 3u);
  EXPECT_EQ(cache_figures(settings_.cache).programs, 1u);
}

TEST_F(HardshipTest, KilledAtAnyMomentItLeavesNoProcessAndAWholeCache) {
  const auto* words = std::getenv("MVM_TEST_SEED");
  const auto seed = words != nullptr ? std::strtoul(words, nullptr, 10) : std::random_device()();
  RecordProperty("seed", std::to_string(seed));
  std::printf("seed %lu\n", static_cast<unsigned long>(seed));
  std::mt19937 random(static_cast<std::mt19937::result_type>(seed));
  for (int round = 0; round < 15; ++round) {
    write_two_units(round);
    const pid_t child = in_child([this] { return build() ? 0 : 1; });
    // The moment is the input of this test, not a guess at when something is ready.
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 200));
    ::kill(child, SIGKILL);
    await_everybody();
    expect_cache_whole();
    const auto built = build();
    ASSERT_TRUE(built) << built.error().message;
    EXPECT_EQ(output_of(built->program), std::to_string(round));
    EXPECT_TRUE(fs::is_empty(work_folder())) << "round " << round;
  }
}

TEST_F(HardshipTest, ACompilerThatNeverEndsIsStopped) {
  request_.sources = {write("cell.cpp", kBomb)};
  settings_.time_limit = std::chrono::milliseconds(700);
  const auto built = build();
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code, ErrorCode::kTimedOut) << built.error().message;
  EXPECT_NE(built.error().message.find("cell.cpp"), std::string::npos);
  EXPECT_TRUE(nobody_left());
  EXPECT_TRUE(fs::is_empty(work_folder()));
}

TEST_F(HardshipTest, ACompilerThatEatsMemoryIsStopped) {
  std::string table =
      "#define A 1,1,1,1,1,1,1,1,1,1,\n#define B A A A A A A A A A A\n"
      "#define C B B B B B B B B B B\n#define D C C C C C C C C C C\n"
      "#define E D D D D D D D D D D\n#define F E E E E E E E E E E\n"
      "int table[] = {F F F F F F F F F F};\nint main() {}\n";
  request_.sources = {write("cell.cpp", table)};
  settings_.memory_limit = 100_MiB;
  const auto built = build();
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code, ErrorCode::kLimit) << built.error().message;
  EXPECT_NE(built.error().message.find("100 MiB"), std::string::npos) << built.error().message;
  EXPECT_TRUE(nobody_left());
}

TEST_F(HardshipTest, TheUserMayStopIt) {
  request_.sources = {write("cell.cpp", kBomb)};
  const UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
  settings_.cancel = stop.get();
  Builder builder(settings_);
  const auto started = std::chrono::steady_clock::now();
  const auto built = builder.build(request_, [&](const std::string&, unsigned, unsigned) {
    const std::uint64_t one = 1;
    EXPECT_EQ(::write(stop.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
  });
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code, ErrorCode::kInterrupted);
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(20));
  EXPECT_TRUE(nobody_left());
  EXPECT_TRUE(fs::is_empty(work_folder()));
}

TEST_F(HardshipTest, ACompilerThatCrashesIsNotTheSourcesFault) {
  request_.sources = {write("cell.cpp", "int main() {}\n")};
  ASSERT_TRUE(write_file_atomically(root_ / "crashing",
                                    "#!/bin/sh\ncase \"$*\" in\n*\" -c \"*) kill -SEGV "
                                    "$$ ;;\n*) exec g++ \"$@\" ;;\nesac\n"));
  fs::permissions(root_ / "crashing", fs::perms::owner_all);
  request_.options.compiler = (root_ / "crashing").native();
  const auto built = build();
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code, ErrorCode::kCompiler);
  EXPECT_NE(built.error().message.find("crashed (status 139)"), std::string::npos)
      << built.error().message;
}

/// Makes a mount name space of our own, with root's rights in it. False where that is not allowed.
bool enter_own_mounts() {
  const auto uid = ::getuid();
  if (::unshare(CLONE_NEWNS | (uid == 0 ? 0 : CLONE_NEWUSER)) != 0) return false;
  if (uid != 0) {
    const UniqueFd map(::open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC));
    if (!map || !write_all(map.get(), text("0 ", uid, " 1"))) return false;
  }
  return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

TEST_F(HardshipTest, AFullDiskIsTheCachesFaultAndLeavesNothing) {
  // Two megabytes of object into one megabyte of disk.
  request_.sources = {write("cell.cpp", "char table[2 << 20] = {1};\nint main() {}\n")};
  fs::create_directories(settings_.cache);
  constexpr int kNotAllowed = 77;
  const int code = exit_code_of(in_child([this] {
    if (!enter_own_mounts()) return kNotAllowed;
    if (::mount("none", settings_.cache.c_str(), "tmpfs", 0, "size=1m,mode=0700") != 0) {
      return kNotAllowed;
    }
    const auto built = build();
    if (built) return 1;
    if (built.error().code != ErrorCode::kCache) {
      std::fprintf(stderr, "%s\n", built.error().message.c_str());
      return 2;
    }
    if (built.error().message.find("full") == std::string::npos) return 3;
    if (!fs::is_empty(work_folder())) return 4;
    // Room again: a smaller source builds in the same cache.
    request_.sources = {write("cell.cpp", "int main() {}\n")};
    return build() ? 0 : 5;
  }));
  if (code == kNotAllowed) GTEST_SKIP() << "this host does not let us mount a small disk";
  EXPECT_EQ(code, 0);
}

TEST_F(HardshipTest, AReadOnlyCacheStillServesItsHits) {
  request_.sources = {write("cell.cpp", "int main() {}\n")};
  ASSERT_TRUE(build());
  constexpr int kNotAllowed = 77;
  const int code = exit_code_of(in_child([this] {
    const auto* cache = settings_.cache.c_str();
    if (!enter_own_mounts() || ::mount(cache, cache, nullptr, MS_BIND, nullptr) != 0 ||
        ::mount(nullptr, cache, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) != 0) {
      return kNotAllowed;
    }
    const auto hit = build();
    if (!hit || !hit->from_cache) return 1;
    request_.sources = {write("cell.cpp", "int main() { return 0; }\n")};
    const auto miss = build();
    return !miss && miss.error().code == ErrorCode::kCache ? 0 : 2;
  }));
  if (code == kNotAllowed) GTEST_SKIP() << "this host does not let us mount a folder read-only";
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace mvm::build
