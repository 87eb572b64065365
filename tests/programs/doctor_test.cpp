// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>

#include "program_runner.hpp"

namespace mvm::test {
namespace {

namespace fs = std::filesystem;

class DoctorTest : public testing::Test {
 protected:
  /// Whether the audit names `words`. Other tests on this host may have leaks of their own just
  /// now.
  bool finds(const std::string& words) const {
    const auto done = runner_.mvm({"doctor", "--leaks"});
    const bool found = done.output.find(words) != std::string::npos;
    if (found) {
      EXPECT_EQ(done.status.code, 1);
    }
    return found;
  }
  void mend() const { static_cast<void>(runner_.mvm({"doctor", "--leaks", "--fix"})); }

  ProgramRunner runner_;
};

TEST_F(DoctorTest, FindsEverythingThatTheseTestsNeed) {
  const auto done = runner_.mvm({"doctor"});
  EXPECT_EQ(done.status.code, 0) << done.output;
  for (const std::string what : {"mvmq", "g++", "linker", "shared memory", "cores", "graphviz",
                                 "user namespaces", "cgroups", "kvm", "libvirt", "/dev/shm"}) {
    EXPECT_NE(done.output.find(what), std::string::npos) << what;
  }
}

TEST_F(DoctorTest, NamesAFolderThatCannotBeReached) {
  fs::create_symlink("loop", runner_.folder() / "loop");
  const auto cache = (runner_.folder() / "loop/cache").string();
  runner_.set_environment("MVM_CACHE_DIR=" + cache);
  const auto done = runner_.mvm({"doctor"});
  EXPECT_EQ(done.status.code, 1) << done.output << done.errors;
  EXPECT_NE(done.output.find(cache + " is not writable"), std::string::npos) << done.output;
}

TEST_F(DoctorTest, TellsHowToGetAMissingCompiler) {
  runner_.set_environment("PATH=/nowhere");
  const auto done = runner_.mvm({"doctor"});
  EXPECT_EQ(done.status.code, 1);
  EXPECT_NE(done.output.find("g++: apt install g++"), std::string::npos) << done.output;
  EXPECT_NE(done.output.find("graphviz: apt install graphviz"), std::string::npos);
}

TEST_F(DoctorTest, TellsWhichCodecsThereAre) {
  const auto done = runner_.mvm({"doctor"});
  for (const std::string words : {"liblz4.so", "libzstd.so", "libisal.so", "libcrypto.so"}) {
    EXPECT_NE(done.output.find(words), std::string::npos) << words << '\n' << done.output;
  }
}

TEST_F(DoctorTest, TellsHowToGetACodecWhoseLibraryIsMissing) {
  runner_.write("broken/libisal.so.2", "no library");
  runner_.set_environment("LD_LIBRARY_PATH=" + (runner_.folder() / "broken").string());
  const auto done = runner_.mvm({"doctor", "-o", "json"});
  EXPECT_EQ(done.status.code, 0) << "queues without this codec run";
  const auto begin = done.output.find("\"codec crc32c\"");
  ASSERT_NE(begin, std::string::npos) << done.output;
  const auto line = done.output.substr(begin, done.output.find('\n', begin) - begin);
  EXPECT_NE(line.find("\"state\":\"optional\""), std::string::npos) << line;
  EXPECT_NE(line.find("\"its library cannot be loaded"), std::string::npos) << line;
  EXPECT_NE(line.find("libisal.so.2"), std::string::npos) << line;
  EXPECT_NE(line.find("apt install libisal2"), std::string::npos) << line;
  EXPECT_NE(done.output.find("\"what\":\"codec lz4\",\"state\":\"ok\""), std::string::npos);
}

TEST_F(DoctorTest, NamesAFolderThatCannotBeWritten) {
  runner_.set_environment("MVM_CACHE_DIR=/proc/mvm");
  const auto done = runner_.mvm({"doctor"});
  EXPECT_EQ(done.status.code, 1);
  EXPECT_NE(done.output.find("MVM_CACHE_DIR"), std::string::npos) << done.output;
}

TEST_F(DoctorTest, EndsATaskWithoutQueueVm) {
  SpawnRequest request;
  request.arguments = {"sleep", "600"};
  request.environment = {"MVM_GROUP=orphan-00000001", "PATH=/usr/bin:/bin"};
  const auto task = spawn(request);
  ASSERT_TRUE(task) << task.error().message;
  EXPECT_TRUE(finds("orphan-00000001"));
  mend();
  int status = 0;
  ASSERT_EQ(::waitpid(task->pid, &status, 0), task->pid);
  EXPECT_EQ(decode_wait_status(status).signal, SIGKILL);
  EXPECT_FALSE(finds("orphan-00000001"));
}

TEST_F(DoctorTest, RemovesAnUnlockedRuntimeFolder) {
  runner_.write("runtime/old-00000001/socket", "");
  const auto folder = runner_.folder() / "runtime/old-00000001";
  fs::last_write_time(folder, fs::file_time_type::clock::now() - std::chrono::minutes(1));
  EXPECT_TRUE(finds(folder.string()));
  mend();
  EXPECT_FALSE(fs::exists(folder));
}

TEST_F(DoctorTest, RemovesWhatAKilledBuildLeft) {
  ASSERT_EQ(runner_.mvm({"init", "ring"}).status.code, 0);
  ASSERT_EQ(runner_.mvm({"build", "ring"}).status.code, 0);
  fs::path work;
  for (const auto& entry : fs::recursive_directory_iterator(runner_.folder() / "cache")) {
    if (entry.path().filename() == "work") work = entry.path();
  }
  ASSERT_FALSE(work.empty());
  runner_.write(work / "build-killed/member.o", "half");
  EXPECT_TRUE(finds("build-killed"));
  mend();
  EXPECT_FALSE(fs::exists(work / "build-killed"));
  EXPECT_NE(runner_.mvm({"build", "ring"}).output.find("cached"), std::string::npos);
}

TEST_F(DoctorTest, RemovesTheWorkFolderOfALostRun) {
  runner_.write("runs/lost-00000001/work/cell.0/core", "");
  runner_.write("runs/lost-00000001/log/cell.0.out", "kept");
  fs::create_directories(runner_.folder() / "state/groups");
  fs::create_symlink(runner_.folder() / "runs/lost-00000001",
                     runner_.folder() / "state/groups/lost-00000001");
  EXPECT_TRUE(finds("lost-00000001/work"));
  mend();
  EXPECT_FALSE(fs::exists(runner_.folder() / "runs/lost-00000001/work"));
  EXPECT_EQ(runner_.read("runs/lost-00000001/log/cell.0.out"), "kept");
}

}  // namespace
}  // namespace mvm::test
