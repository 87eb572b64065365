// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/run/group_door.hpp>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <random>
#include <thread>

#include "scratch_folder.hpp"

namespace mvm::run {
namespace {

/// A door that answers every question by a text, served by the test's own thread.
class GroupDoorTest : public testing::Test {
 protected:
  GroupDoorTest() {
    ::setenv("MVM_RUNTIME_DIR", scratch_.path().c_str(), 1);
    auto opened =
        GroupDoor::open(door_path("g"), {.heard =
                                             [this](GroupDoor::Caller caller, DoorFrame&& frame) {
                                               heard_.push_back(frame);
                                               if (answer_) door_->say(caller, *answer_);
                                             },
                                         .gone = [this](GroupDoor::Caller) { ++gone_; }});
    if (!opened) throw std::runtime_error(opened.error().message);
    door_ = std::move(*opened);
  }
  ~GroupDoorTest() override { ::unsetenv("MVM_RUNTIME_DIR"); }

  void serve_once(int timeout_ms = 50) {
    std::vector<pollfd> descriptors;
    door_->add_descriptors(descriptors);
    ::poll(descriptors.data(), descriptors.size(), timeout_ms);
    door_->on_ready(descriptors);
    (void)door_->tick();
  }
  template <typename Condition>
  void serve_until(Condition&& condition) {
    const auto deadline = now() + std::chrono::seconds(30);
    while (!condition()) {
      ASSERT_LT(now(), deadline);
      serve_once();
    }
  }
  /// Serves while another thread talks.
  template <typename Talk>
  void serve(Talk&& talk) {
    std::atomic<bool> done = false;
    std::thread thread([&] {
      talk();
      done = true;
    });
    while (!done) serve_once(5);
    thread.join();
  }
  UniqueFd call_by_hand() {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto path = door_path("g").string();
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  static bool is_closed(int fd) {
    char byte = 0;
    const auto got = ::recv(fd, &byte, 1, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno == ECONNRESET);
  }

  test::ScratchFolder scratch_;
  std::unique_ptr<GroupDoor> door_;
  std::optional<DoorFrame> answer_ = DoorFrame{DoorKind::kAnswer, "all is well"};
  std::vector<DoorFrame> heard_;
  int gone_ = 0;
};

TEST_F(GroupDoorTest, AnswersQuestionsInTurn) {
  serve([] {
    auto call = DoorCall::to("g");
    ASSERT_TRUE(call) << call.error().message;
    for (int i = 0; i < 20; ++i) {
      const auto words = call->ask(DoorKind::kAskWaits, std::chrono::seconds(30));
      ASSERT_TRUE(words) << words.error().message;
      EXPECT_EQ(*words, "all is well");
    }
  });
  EXPECT_EQ(heard_.size(), 20U);
  serve_until([this] { return gone_ == 1; });
}

TEST_F(GroupDoorTest, CarriesAnAnswerOfManyMegabytes) {
  answer_->payload.assign(20 << 20, 'x');
  serve([this] {
    auto call = DoorCall::to("g");
    ASSERT_TRUE(call);
    const auto words = call->ask(DoorKind::kAskStatus, std::chrono::seconds(30));
    ASSERT_TRUE(words) << words.error().message;
    EXPECT_EQ(*words, answer_->payload);
  });
}

TEST_F(GroupDoorTest, CarriesSessionFramesBothWays) {
  answer_ = DoorFrame{DoorKind::kOutside, std::string("\0back", 5)};
  serve([] {
    auto call = DoorCall::to("g");
    ASSERT_TRUE(call);
    ASSERT_TRUE(call->say({DoorKind::kOutside, std::string(kMaxDoorQuestion, 'd')}));
    const auto frame = call->hear();
    ASSERT_TRUE(frame && *frame);
    EXPECT_EQ((*frame)->payload, std::string("\0back", 5));
  });
  ASSERT_EQ(heard_.size(), 1U);
  EXPECT_EQ(heard_[0].payload.size(), kMaxDoorQuestion);
}

TEST_F(GroupDoorTest, LiesInAFolderOfThisUserAloneAndLeavesNothing) {
  struct stat status{};
  ASSERT_EQ(::stat(door_path("g").parent_path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
  door_.reset();
  EXPECT_FALSE(std::filesystem::exists(door_path("g").parent_path()));
  const auto call = DoorCall::to("g");
  ASSERT_FALSE(call);
  EXPECT_EQ(call.error().code, ErrorCode::kNotFound);
}

TEST_F(GroupDoorTest, TellsWhenTheGroupEnds) {
  answer_.reset();
  auto call = DoorCall::to("g");
  ASSERT_TRUE(call);
  serve_once();
  door_.reset();
  const auto words = call->ask(DoorKind::kAskWaits, std::chrono::seconds(30));
  ASSERT_FALSE(words);
  EXPECT_EQ(words.error().code, ErrorCode::kNotFound);
}

TEST_F(GroupDoorTest, RefusesAPathThatIsTooLongForASocket) {
  const auto door = GroupDoor::open(scratch_.path() / std::string(120, 'x') / "door", {});
  ASSERT_FALSE(door);
  EXPECT_EQ(door.error().code, ErrorCode::kLimit);
}

/// What no honest caller says. Each is thrown out at once, and the next one is served.
TEST_F(GroupDoorTest, ThrowsOutWhoeverDoesNotBehave) {
  std::vector<std::string> rude = {
      "GET / HTTP/1.1\r\n\r\n",
      std::string("MD\2\1\0\0\0\0", 8),         // another version
      std::string("MD\1\0\0\0\0\0", 8),         // no such kind
      std::string("MD\1\7\0\0\0\0", 8),         // nor that
      std::string("MD\1\1\1\0\0\0x", 9),        // a question with a payload
      std::string("MD\1\6\1\0\2\0", 8),         // a longer payload than any
      encode({DoorKind::kAnswer, "I answer"}),  // not a caller's
      encode({DoorKind::kRefusal, ""}),
  };
  std::string insistent;
  for (int i = 0; i < 100; ++i) insistent += encode({DoorKind::kAskStatus, {}});
  answer_.reset();
  rude.push_back(insistent);
  for (const auto& words : rude) {
    const auto fd = call_by_hand();
    ASSERT_GT(::send(fd.get(), words.data(), words.size(), MSG_NOSIGNAL), 0);
    serve_until([&] { return is_closed(fd.get()); });
  }
  answer_ = DoorFrame{DoorKind::kAnswer, "all is well"};
  serve([] {
    auto call = DoorCall::to("g");
    ASSERT_TRUE(call);
    EXPECT_TRUE(call->ask(DoorKind::kAskStatus, std::chrono::seconds(30)));
  });
}

TEST_F(GroupDoorTest, LetsOnlySoManyIn) {
  std::vector<UniqueFd> callers;
  for (std::size_t i = 0; i < kMaxDoorCallers; ++i) {
    callers.push_back(call_by_hand());
    serve_once();
  }
  const auto late = call_by_hand();
  serve_until([&] {
    char bytes[256];
    return ::recv(late.get(), bytes, sizeof bytes, MSG_DONTWAIT) > 0;
  });
  serve_until([&] { return is_closed(late.get()); });
  EXPECT_FALSE(is_closed(callers[0].get()));
}

/// A caller that asks and does not read costs its answer's memory, and no time of the others.
TEST_F(GroupDoorTest, IsNotHeldUpByACallerWhoDoesNotRead) {
  answer_->payload.assign(8 << 20, 'x');
  const auto lazy = call_by_hand();
  const auto question = encode({DoorKind::kAskStatus, {}});
  ASSERT_GT(::send(lazy.get(), question.data(), question.size(), 0), 0);
  serve_until([this] { return heard_.size() == 1; });
  serve([] {
    auto call = DoorCall::to("g");
    ASSERT_TRUE(call);
    EXPECT_TRUE(call->ask(DoorKind::kAskStatus, std::chrono::seconds(30)));
  });
  const auto due = door_->tick();
  ASSERT_TRUE(due) << "its time runs";
  EXPECT_LE(*due, now() + GroupDoor::kPatience);
}

/// A program may read its session's frames as late as it likes, but not let them grow for ever.
TEST_F(GroupDoorTest, ThrowsOutASessionThatSpeaksAndNeverReads) {
  answer_ = DoorFrame{DoorKind::kOutside, std::string(1000, 'x')};
  const auto deaf = call_by_hand();
  const auto word = encode({DoorKind::kOutside, "a frame of a session"});
  std::size_t most = 0;
  serve_until([&] {
    (void)::send(deaf.get(), word.data(), word.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    most = std::max(most, door_->unread(1));
    return gone_ == 1;
  });
  EXPECT_LE(most, 5U << 20);
  EXPECT_GT(most, 1U << 20);
}

/// Cut anywhere, a stream of frames gives the same frames; changed anywhere, it gives an error or
/// other frames, and never more bytes than came.
TEST(DoorReader, SurvivesAnyBytes) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(text("seed ", seed));
  std::mt19937 random(seed);
  std::string stream;
  for (int i = 0; i < 5; ++i) {
    stream += encode({DoorKind::kOutside, std::string(random() % 100, 'p')});
  }
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = stream;
    if (round % 2 == 1) bytes[random() % bytes.size()] = static_cast<char>(random());
    DoorReader reader(1000);
    std::string back;
    bool broken = false;
    for (std::size_t at = 0; at < bytes.size() && !broken;) {
      const auto piece = 1 + random() % 40;
      reader.feed(std::string_view(bytes).substr(at, piece));
      at += piece;
      for (;;) {
        const auto frame = reader.next();
        broken = !frame;
        if (!frame || !*frame) break;
        back += encode(**frame);
      }
    }
    ASSERT_TRUE(bytes.starts_with(back));
    if (round % 2 == 0) {
      ASSERT_EQ(back, stream);
    }
  }
}

}  // namespace
}  // namespace mvm::run
