// SPDX-License-Identifier: GPL-3.0-or-later
// What a profile writes about its queues, as it arrives in the wiring plans.
#include <gtest/gtest.h>

#include "planned_profile.hpp"

namespace mvm::model {
namespace {

using namespace std::chrono_literals;
using queue::CodecKind;
using queue::Overflow;
using queue::QueueType;
using queue::Spread;

PlannedProfile ring_with(const std::string& queues, const std::string& parameters = "") {
  return PlannedProfile(parameters + R"(<job name="cell" count="4"><source>job.cpp</source></job>
    <topology><graph kind="ring" over="cell"/></topology>
    <queues>)" + queues +
                        "</queues>");
}

/// A source, workers, and a link between them that says nothing about its spread.
PlannedProfile farm_with(const std::string& queues, const std::string& spread = "") {
  return PlannedProfile(R"(<job name="source"><source>job.cpp</source></job>
    <job name="worker" count="3"><source>job.cpp</source></job>
    <topology><link from="source.out" to="worker.in" )" +
                        spread + R"(/></topology><queues>)" + queues + "</queues>");
}

TEST(QueueSettings, EveryTypeAndOverflowIsTaken) {
  const std::pair<const char*, QueueType> types[] = {{"fifo", QueueType::kFifo},
                                                     {"priority", QueueType::kPriority},
                                                     {"lifo", QueueType::kLifo},
                                                     {"latest", QueueType::kLatest},
                                                     {"deadline", QueueType::kDeadline}};
  const std::pair<const char*, Overflow> overflows[] = {{"block", Overflow::kBlock},
                                                        {"drop-oldest", Overflow::kDropOldest},
                                                        {"drop-newest", Overflow::kDropNewest},
                                                        {"fail", Overflow::kFail}};
  for (const auto& [type_word, type] : types) {
    for (const auto& [overflow_word, overflow] : overflows) {
      const auto made = ring_with(text("<queue on=\"cell.next\" type=\"", type_word,
                                       "\" overflow=\"", overflow_word, "\"/>"));
      made.expect_sound();
      EXPECT_EQ(made.queue_at("cell[1]", "next").type, type);
      EXPECT_EQ(made.queue_at("cell[1]", "next").overflow, overflow);
      EXPECT_EQ(made.queue_at("cell[1]", "prev"), queue::QueueSpec());
    }
  }
}

TEST(QueueSettings, EveryPolicyIsTaken) {
  const auto made = ring_with(R"(
    <queue on="cell.next" type="deadline" late="drop" ttl="100ms" rate="1000/s" latency="25ms"
           jitter="2ms" bandwidth="10Mbit/s" loss="1%" seed="7" transport="tcp" capacity="9"
           bytes="1KiB"/>
    <queue on="cell.prev" type="priority" levels="8"/>)");
  made.expect_sound();
  queue::QueueSpec wanted;
  wanted.type = QueueType::kDeadline;
  wanted.drop_late = true;
  wanted.time_to_live = 100ms;
  wanted.interval = 1ms;
  wanted.link = {25ms, 2ms, 10'000'000, 10'000'000, 7};
  wanted.transport = queue::Transport::kTcp;
  wanted.capacity = 9;
  wanted.bytes = 1_KiB;
  EXPECT_EQ(made.queue_at("cell[3]", "next"), wanted);
  EXPECT_EQ(made.queue_at("cell[3]", "prev").levels, 8u);
}

TEST(QueueSettings, ASpecificRuleLiftsTheLimitsOfAGeneralOne) {
  const auto made = ring_with(R"(
    <queue on="*.*" ttl="1s" rate="5/ms" bandwidth="1kB/s" latency="1ms" codec="lz4 crc32c"/>
    <queue on="cell[2].*" ttl="none" rate="none" bandwidth="none" latency="0s" codec="raw"/>
    <queue on="cell[1].*" codec="zstd"/>)");
  made.expect_sound();
  EXPECT_EQ(made.queue_at("cell[0]", "next").interval, 200us);
  EXPECT_EQ(made.queue_at("cell[0]", "next").codecs.size(), 2u);
  EXPECT_EQ(made.queue_at("cell[2]", "next"), queue::QueueSpec());
  // A list replaces a list.
  ASSERT_EQ(made.queue_at("cell[1]", "next").codecs.size(), 1u);
  const auto codec = made.queue_at("cell[1]", "next").codecs[0];
  EXPECT_EQ(made.machine(0).codecs.at(codec).kind, CodecKind::kZstd);
}

TEST(QueueSettings, CodecsAreNumberedOnceInTheOrderOfEncoding) {
  const auto made = ring_with(R"(
    <queue on="cell.next" codec="portable zstd(3) aes-gcm"/>
    <queue on="cell.prev" codec="zstd(3), crc32c"/>
    <queue on="cell[0].prev" codec="zstd"/>)");
  made.expect_sound();
  const auto kinds = [&](const char* task, const char* port) {
    std::vector<std::pair<CodecKind, int>> found;
    for (const auto number : made.queue_at(task, port).codecs) {
      const auto& codec = made.machine(0).codecs.at(number);
      found.emplace_back(codec.kind, codec.level);
    }
    return found;
  };
  using Kinds = std::vector<std::pair<CodecKind, int>>;
  EXPECT_EQ(kinds("cell[1]", "next"),
            (Kinds{{CodecKind::kPortable, 0}, {CodecKind::kZstd, 3}, {CodecKind::kAesGcm, 0}}));
  EXPECT_EQ(kinds("cell[1]", "prev"), (Kinds{{CodecKind::kZstd, 3}, {CodecKind::kCrc32c, 0}}));
  EXPECT_EQ(kinds("cell[0]", "prev"), (Kinds{{CodecKind::kZstd, 0}}));
  EXPECT_EQ(made.machine(0).codecs.size(), 5u);
}

TEST(QueueSettings, PluginsAreNumberedAsTheyAreDeclared) {
  const auto made = ring_with(R"(
    <queue on="cell.next" type="shortest" codec="rot13(5) crc32c"/>
    <type name="shortest"><source>job.cpp</source><build optimize="3"/></type>
    <codec name="rot13"><source>job.cpp</source></codec>)");
  made.expect_sound();
  ASSERT_EQ(made.profile().plugins.size(), 2u);
  EXPECT_FALSE(made.profile().plugins[0].is_codec);
  EXPECT_EQ(made.profile().plugins[0].build.optimize, "3");
  EXPECT_EQ(made.profile().plugins[1].sources.size(), 1u);
  ASSERT_EQ(made.machine(0).plugins.size(), 2u);
  EXPECT_EQ(made.machine(0).plugins[1].name, "rot13");
  EXPECT_EQ(made.machine(0).plugins[1].path, "");
  const auto& queue = made.queue_at("cell[0]", "next");
  EXPECT_EQ(queue.type, QueueType::kCustom);
  EXPECT_EQ(queue.plugin, 0u);
  const auto& codec = made.machine(0).codecs.at(queue.codecs.at(0));
  EXPECT_EQ(codec.kind, CodecKind::kCustom);
  EXPECT_EQ(codec.plugin, 1u);
  EXPECT_EQ(codec.level, 5);
}

TEST(QueueSettings, MachinesShareTheNumbersOfCodecsAndPlugins) {
  const PlannedProfile made(R"(<job name="cell" count="6"><source>job.cpp</source></job>
    <topology><graph kind="ring" over="cell"/></topology>
    <queues>
      <codec name="rot13"><source>job.cpp</source></codec>
      <queue on="*.*" codec="rot13 lz4" transport="tcp"/>
    </queues>
    <cluster><machines count="3"/></cluster>)");
  made.expect_sound();
  for (const auto& machine : made.plan().wiring) {
    EXPECT_EQ(machine.codecs, made.machine(0).codecs);
    EXPECT_EQ(machine.plugins, made.machine(0).plugins);
  }
}

TEST(QueueSettings, TheTypeChoosesTheSpreadOfALinkThatNamesNone) {
  const auto shared = farm_with(R"(<queue on="worker.in" type="shared" capacity="5"/>)");
  shared.expect_sound();
  ASSERT_EQ(shared.port("source[0]", "out").sends.size(), 1u);
  EXPECT_EQ(shared.port("source[0]", "out").sends[0].spread, Spread::kShared);
  EXPECT_EQ(shared.queue_at("worker[2]", "in").type, QueueType::kFifo);
  EXPECT_EQ(shared.queue_at("worker[2]", "in").capacity, 5u);

  const auto each = farm_with(R"(<queue on="worker[*].*" type="each"/>)");
  each.expect_sound();
  EXPECT_EQ(each.port("source[0]", "out").sends[0].spread, Spread::kEach);
  EXPECT_EQ(each.port("source[0]", "out").sends[0].channels.size(), 3u);
}

TEST(QueueSettings, TheMoreSpecificRuleChoosesTheSpread) {
  const auto made = farm_with(R"(<queue on="worker.*" type="each"/>
                                 <queue on="worker.in" type="shared"/>)");
  made.expect_sound();
  EXPECT_EQ(made.port("source[0]", "out").sends[0].spread, Spread::kShared);
}

TEST(QueueSettings, ASpreadThatAgreesWithTheTypeMayStand) {
  farm_with(R"(<queue on="worker.in" type="shared"/>)", R"(spread="shared")").expect_sound();
  EXPECT_NE(farm_with(R"(<queue on="worker.in" type="shared"/>)", R"(spread="each")").refusal(),
            "");
}

TEST(QueueSettings, AParameterChangesTheQueueLineAlone) {
  for (const auto* type : {"fifo", "latest", "priority", "deadline"}) {
    const auto made = ring_with(
        R"(<queue on="cell.next" type="${type}" levels="4" late="drop" overflow="${overflow}"/>)",
        text("<param name=\"type\" type=\"string\" default=\"", type,
             "\"/><param name=\"overflow\" type=\"string\" default=\"drop-oldest\"/>"));
    made.expect_sound();
    EXPECT_EQ(queue::to_string(made.queue_at("cell[0]", "next").type), type);
  }
}

TEST(QueueSettings, AGeneralSettingNeedsOnlyOneQueueThatHeedsIt) {
  ring_with(R"(<queue on="*.*" levels="8" late="drop" seed="3"/>
               <queue on="cell[1].next" type="priority"/>
               <queue on="cell[2].next" type="deadline"/>
               <queue on="cell[3].next" loss="0.5"/>)")
      .expect_sound();
}

TEST(QueueSettings, PoliciesOfTheGroupAreTaken) {
  const PlannedProfile made(R"(<job name="cell"><source>job.cpp</source></job>
    <policy><links reconnect="5s" trusted="true"/><deadlock action="report"/></policy>)");
  made.expect_sound();
  EXPECT_EQ(made.profile().policy.deadlock, DeadlockAction::kReport);
  EXPECT_EQ(made.machine(0).reconnect, 5s);
  EXPECT_TRUE(made.machine(0).trusted_network);
  const PlannedProfile usual(R"(<job name="cell"><source>job.cpp</source></job>)");
  EXPECT_EQ(usual.profile().policy.deadlock, DeadlockAction::kEnd);
  EXPECT_EQ(usual.machine(0).reconnect, 20s);
  EXPECT_FALSE(usual.machine(0).trusted_network);
}

TEST(Commands, BecomeTheWordsOfTheirWrapper) {
  const PlannedProfile made(R"(
    <job name="grep" count="2">
      <command stdin="in" stdout="out" format="frames">grep "$@" part-${index}</command>
      <arg>-c</arg><arg>${count}</arg>
    </job>
    <job name="alone"><command>date</command></job>
    <topology><graph kind="pipeline" over="grep"/></topology>)");
  made.expect_sound();
  EXPECT_EQ(made.task("grep[1]").arguments,
            (std::vector<std::string>{"--stdin=in", "--stdout=out", "--format=frames", "--",
                                      "grep \"$@\" part-1", "-c", "2"}));
  EXPECT_EQ(made.task("alone[0]").arguments,
            (std::vector<std::string>{"--format=lines", "--", "date"}));
  EXPECT_TRUE(made.profile().jobs[0].sources.empty());
}

}  // namespace
}  // namespace mvm::model
