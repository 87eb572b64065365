// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/wiring_plan.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "sample_plan.hpp"

namespace mvm::queue {
namespace {

using Change = std::function<void(WiringPlan&)>;

WiringPlan changed(const Change& change) {
  auto plan = sample_plan();
  change(plan);
  return plan;
}

TEST(WiringPlan, SurvivesItsWireForm) {
  const auto plan = sample_plan();
  const auto read = decode_wiring_plan(encode(plan));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, plan);
}

TEST(WiringPlan, CarriesEveryField) {
  const std::vector<Change> changes{
      [](auto& p) { p.group = "farm-0123abce"; },
      [](auto& p) { p.machines.push_back({"x"}); },
      [](auto& p) { p.machines[1].endpoint = "x"; },
      [](auto& p) { p.machines[1].direct = "x"; },
      [](auto& p) { p.secret[0] = 'f'; },
      [](auto& p) { p.programs[0] = "/x"; },
      [](auto& p) { p.output_directory = "/x"; },
      [](auto& p) { p.work_directory = "/x"; },
      [](auto& p) { p.wall_time = std::chrono::seconds(1); },
      [](auto& p) { p.grace = std::chrono::seconds(1); },
      [](auto& p) { p.on_control_loss = ControlLoss::kEnd; },
      [](auto& p) { p.hold = std::chrono::seconds(1); },
      [](auto& p) { p.end_on_failure = true; },
      [](auto& p) { p.trusted_network = true; },
      [](auto& p) { p.channels[0].id = 8; },
      [](auto& p) { p.channels[0].queue.capacity = 9; },
      [](auto& p) { p.channels[0].queue.bytes = 5_KiB; },
      [](auto& p) { p.channels[0].receivers[1] = 13; },
      [](auto& p) { p.tasks[0].index = 1, p.tasks[0].count = 2; },
      [](auto& p) { p.tasks[0].job = "spring"; },
      [](auto& p) { p.tasks[0].coordinates = {0, 0}; },
      [](auto& p) { p.tasks[0].program = 1; },
      [](auto& p) { p.tasks[0].arguments = {"501"}; },
      [](auto& p) { p.tasks[0].environment = {"LANG=D"}; },
      [](auto& p) { p.tasks[0].directory = "/x"; },
      [](auto& p) { p.tasks[0].inputs = {"/x"}; },
      [](auto& p) { p.tasks[0].outputs = {"x"}; },
      [](auto& p) { p.tasks[0].cores = {0, 1}; },
      [](auto& p) { p.tasks[0].shares_core = false; },
      [](auto& p) { p.tasks[0].memory.reset(); },
      [](auto& p) { p.tasks[0].memory = 65_MiB; },
      [](auto& p) {
        p.worker_program = "/opt/worker";
        p.workers = 1;
        p.tasks[0].worker = 0;
        p.tasks[0].stack = 64_KiB;
      },
      [](auto& p) { p.tasks[1].ports[1].sends[0].spread = Spread::kHash; },
  };
  std::set<std::string> forms{encode(sample_plan())};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const auto plan = changed(changes[i]);
    const auto bytes = encode(plan);
    EXPECT_TRUE(forms.insert(bytes).second) << "change " << i << " is lost on the wire";
    const auto read = decode_wiring_plan(bytes);
    ASSERT_TRUE(read) << "change " << i << ": " << read.error().message;
    EXPECT_EQ(*read, plan) << "change " << i;
  }
}

TEST(WiringPlan, HasTheDocumentedBytes) {
  WiringPlan plan;
  plan.group = "a-00000000";
  plan.machines = {{""}};
  plan.grace = Duration(0x0102);
  const auto zeros = [](std::size_t n) { return std::string(n, '\0'); };
  plan.reconnect = Duration(0x0304);
  EXPECT_EQ(encode(plan), std::string("QVPL\4\0\12\0\0\0a-00000000", 20)   // magic, version, group
                              + zeros(4)                                   // machine
                              + std::string("\1\0\0\0", 4) + zeros(4 + 4)  // machines
                              + zeros(4)                                   // secret
                              + zeros(3 * 4)  // programs, worker program, workers
                              + zeros(2 * 4)  // channels, tasks
                              + zeros(4 * 4)  // outside, teams, codecs, plugins
                              + zeros(3 * 4)  // output directory, work directory, door
                              + zeros(8)      // wall time
                              + std::string("\2\1", 2) + zeros(6)  // grace
                              + zeros(1) + zeros(8)                // control loss, hold
                              + std::string("\4\3", 2) + zeros(6)  // reconnect
                              + std::string("\1", 1)               // end on failure
                              + zeros(1));                         // trusted network
}

TEST(WiringPlan, RefusesEveryTruncation) {
  const auto bytes = encode(sample_plan());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto read = decode_wiring_plan(std::string_view(bytes).substr(0, length));
    ASSERT_FALSE(read) << length;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidPlan);
  }
  EXPECT_FALSE(decode_wiring_plan(bytes + '\0'));
}

// A plan has one form only: whatever is accepted is written back as it came.
TEST(WiringPlan, AcceptsNoSecondFormOfAPlan) {
  const auto bytes = encode(sample_plan());
  std::size_t refused = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const int flip : {0x01, 0x02, 0x80, 0xff}) {
      auto damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      const auto read = decode_wiring_plan(damaged);
      if (read) {
        EXPECT_EQ(encode(*read), damaged) << "byte " << at;
      } else {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, bytes.size());
}

TEST(WiringPlan, RefusesAListThatPromisesMoreThanThereIs) {
  auto bytes = encode(sample_plan());
  const std::size_t machines = 4 + 2 + 4 + sample_plan().group.size() + 4;
  for (std::size_t i = 0; i < 4; ++i) bytes[machines + i] = '\xff';
  const auto read = decode_wiring_plan(bytes);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("a list of 4294967295, cut short or over 65536"),
            std::string::npos)
      << read.error().message;
}

TEST(WiringPlan, RefusesAnotherVersionByName) {
  auto bytes = encode(sample_plan());
  bytes[4] = 9;
  EXPECT_EQ(decode_wiring_plan(bytes).error().message,
            "the wiring plan has version 9, this queue VM reads version 4; use mvm and mvmq of the "
            "same release");
}

struct Mistake {
  const char* name;
  Change change;
  const char* message;  ///< after "wiring plan of farm-0123abcd, machine 0: "
};

class MistakenPlan : public testing::TestWithParam<Mistake> {};

TEST_P(MistakenPlan, IsRefusedByName) {
  const auto plan = changed(GetParam().change);
  const auto sound = check(plan);
  ASSERT_FALSE(sound);
  EXPECT_EQ(sound.error().code, ErrorCode::kInvalidPlan);
  EXPECT_EQ(sound.error().message,
            std::string("wiring plan of farm-0123abcd, machine 0: ") + GetParam().message);
  EXPECT_FALSE(decode_wiring_plan(encode(plan)));
}

INSTANTIATE_TEST_SUITE_P(
    All, MistakenPlan,
    testing::Values(
        Mistake{"FiberOfNoWorker", [](auto& p) { p.tasks[0].worker = 0; },
                "source[0] is a fiber of worker 0 of 0, whose program has no path"},
        Mistake{"WorkerWithoutTasks", [](auto& p) { p.workers = 1; },
                "1 workers, but tasks for 0 of them"},
        Mistake{"SmallStack",
                [](auto& p) {
                  p.worker_program = "/opt/worker";
                  p.workers = 1;
                  p.tasks[0].worker = 0;
                  p.tasks[0].stack = 1_KiB;
                },
                "source[0] has a stack of 1 KiB; allowed are 32 KiB to 1 GiB"},
        Mistake{"WorkerOnSeveralCores",
                [](auto& p) {
                  p.worker_program = "/opt/worker";
                  p.workers = 1;
                  for (auto& task : p.tasks) {
                    task.worker = 0;
                    task.stack = 64_KiB;
                  }
                  p.tasks[0].cores = {0};
                  p.tasks[1].cores = {1};
                },
                "worker[0] and source[0] share a worker, but not their cores"},
        Mistake{"NoMachines", [](auto& p) { p.machines.clear(); }, "the group has only 0 machines"},
        Mistake{"HalfASecret", [](auto& p) { p.secret.resize(32); },
                "the group's secret is not 64 hexadecimal digits"},
        Mistake{"SecretInWords", [](auto& p) { p.secret.back() = 'g'; },
                "the group's secret is not 64 hexadecimal digits"},
        Mistake{"ProgramWithoutPath", [](auto& p) { p.programs[1].clear(); },
                "a program has no path"},
        Mistake{"UnknownProgram", [](auto& p) { p.tasks[1].program = 2; },
                "worker[0] runs program 2, but there are only 2"},
        Mistake{"TwoTasksOfOneId", [](auto& p) { p.tasks[1].id = 10; },
                "two tasks have the id 10, one of them is worker[0]"},
        Mistake{"TwoTasksOfOneName", [](auto& p) { p.tasks[1].job = "source"; },
                "there are two tasks source[0]"},
        Mistake{"JobThatClimbs", [](auto& p) { p.tasks[1].job = "../worker"; },
                "job '../worker' of task 11 cannot be part of a file name"},
        Mistake{"IndexBeyondCount", [](auto& p) { p.tasks[1].index = 2; },
                "worker[2] is outside of its job's 2 tasks"},
        Mistake{"EnvironmentWithoutName", [](auto& p) { p.tasks[0].environment = {"=1"}; },
                "source[0] has '=1' in its environment, which is not NAME=value"},
        Mistake{"RelativeInput", [](auto& p) { p.tasks[0].inputs = {"a.csv"}; },
                "input 'a.csv' of source[0] is not an absolute path"},
        Mistake{"OutputThatClimbs", [](auto& p) { p.tasks[0].outputs = {"a/../../b"}; },
                "output 'a/../../b' of source[0] leaves the task's directory"},
        Mistake{"CoreBeyondTheMask", [](auto& p) { p.tasks[0].cores = {1024}; },
                "source[0] is pinned to core 1024, beyond 1023"},
        Mistake{"TwoChannelsOfOneId", [](auto& p) { p.channels[1].id = 7; },
                "two channels have the id 7"},
        Mistake{"NoCapacity", [](auto& p) { p.channels[0].queue.capacity = 0; },
                "channel 7 has room for 0 messages; allowed are 1 to 1048576"},
        Mistake{"TooManyBytes", [](auto& p) { p.channels[0].queue.bytes = 2_GiB; },
                "channel 7 has room for 2 GiB; allowed are 1 B to 1 GiB"},
        Mistake{"ReceiverWithoutMachine",
                [](auto& p) { p.channels[0].receiver_machines.pop_back(); },
                "channel 7 has 2 receivers on 1 machines"},
        Mistake{"UnknownMachine", [](auto& p) { p.channels[0].receiver_machines[1] = 2; },
                "channel 7 ends on machine 2 of 2"},
        Mistake{"TaskElsewhere", [](auto& p) { p.channels[0].receiver_machines[0] = 1; },
                "channel 7 puts worker[0] on machine 1, the task list does not"},
        Mistake{"TaskNotHere", [](auto& p) { p.channels[0].receivers[0] = 99; },
                "channel 7 puts task 99 on machine 0, the task list does not"},
        Mistake{"ChannelOfOthers",
                [](auto& p) {
                  p.channels[1] = {.id = 9,
                                   .sender = 50,
                                   .sender_machine = 1,
                                   .receivers = {51},
                                   .receiver_machines = {1}};
                },
                "channel 9 neither begins nor ends here"},
        Mistake{"PortWithoutName", [](auto& p) { p.tasks[0].ports[0].name.clear(); },
                "a port of source[0] has no name"},
        Mistake{"TwoPortsOfOneName", [](auto& p) { p.tasks[1].ports[1].name = "in"; },
                "worker[0] has two ports 'in'"},
        Mistake{"UnknownChannel", [](auto& p) { p.tasks[1].ports[0].receives = {2}; },
                "worker[0].in uses channel number 2, but there are only 2"},
        Mistake{"WrongReceivingPort", [](auto& p) { p.channels[0].receiver_port = "inn"; },
                "channel 7 arrives at port 'inn', but worker[0] has it at 'in'"},
        Mistake{"WrongSendingPort", [](auto& p) { p.channels[0].sender_port = "outt"; },
                "channel 7 leaves port 'outt', but source[0] has it at 'out'"},
        Mistake{"EmptySendGroup", [](auto& p) { p.tasks[0].ports[0].sends[0].channels.clear(); },
                "source[0].out spreads shared over 0 channels"},
        Mistake{"OneToTwo", [](auto& p) { p.tasks[1].ports[1].sends[0].channels = {1, 1}; },
                "worker[0].done spreads one-to-one over 2 channels"},
        Mistake{"ManyReceiversNotShared",
                [](auto& p) { p.tasks[0].ports[0].sends[0].spread = Spread::kEach; },
                "channel 7 has 2 receivers, but its spread is each"},
        Mistake{"SentTwice",
                [](auto& p) { p.tasks[1].ports[1].sends[0] = {Spread::kEach, {1, 1}}; },
                "worker[0] is named twice as sender of channel 9"},
        Mistake{"ReceivedTwice", [](auto& p) { p.tasks[1].ports[0].receives = {0, 0}; },
                "worker[0] is named twice as receiver of channel 7"},
        Mistake{"NobodyReceives", [](auto& p) { p.tasks[1].ports[0].receives.clear(); },
                "channel 7 has worker[0] as receiver, but no port of it says so"},
        Mistake{"NobodySends", [](auto& p) { p.tasks[1].ports[1].sends.clear(); },
                "channel 9 has worker[0] as sender, but no port of it says so"},
        Mistake{"StrangerReceives", [](auto& p) { p.tasks[0].ports.push_back({"in", {}, {0}}); },
                "a port of source[0] is receiver of channel 7, but the channel does not say so"}),
    [](const auto& mistake) { return mistake.param.name; });

TEST(WiringPlan, RefusesWhatPassesItsLimits) {
  const auto message = [](const Change& change) { return check(changed(change)).error().message; };
  EXPECT_EQ(message([](auto& p) { p.programs[0] = std::string(4097, 'p'); }),
            "wiring plan of machine 0: the text '" + std::string(40, 'p') +
                "…' has 4097 bytes, the limit is 4096");
  EXPECT_EQ(message([](auto& p) { p.tasks[0].arguments = {std::string("a\0b", 3)}; }),
            "wiring plan of machine 0: the text 'a' has a NUL character behind it");
  EXPECT_EQ(message([](auto& p) { p.tasks[0].arguments.resize(65'537); }),
            "wiring plan of machine 0: a list has 65537 elements, the limit is 65536");
  EXPECT_EQ(message([](auto& p) { p.grace = Duration(-1); }),
            "wiring plan of machine 0: a duration of -1 ns is negative");
  EXPECT_EQ(message([](auto& p) { p.channels[0].queue.type = QueueType{77}; }),
            "wiring plan of machine 0: choice 77 is unknown");
  EXPECT_EQ(message([](auto& p) { p.group = "../etc"; }),
            "wiring plan: '../etc' is no group id; it looks like heat-3f9c02ab");
}

// A shared queue with every receiver on this machine: the check must not be quadratic in them.
TEST(WiringPlan, ChecksAQueueWithSixtyThousandReceivers) {
  auto plan = sample_plan();
  const auto worker = plan.tasks[1];
  plan.channels[0].receivers = {11};
  plan.channels[0].receiver_machines = {0};
  for (std::uint32_t i = 1; i < 60'000; ++i) {
    auto task = worker;
    task.id = 11 + i;
    task.index = i;
    task.ports.pop_back();
    plan.channels[0].receivers.push_back(task.id);
    plan.channels[0].receiver_machines.push_back(0);
    plan.tasks.push_back(task);
  }
  for (auto& task : plan.tasks) task.count = 60'000;
  const auto read = decode_wiring_plan(encode(plan));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, plan);
}

TEST(WiringPlan, SpeaksTheProfilesWords) {
  EXPECT_EQ(to_string(QueueType::kFifo), "fifo");
  EXPECT_EQ(to_string(Overflow::kBlock), "block");
  EXPECT_EQ(to_string(Spread::kOneToOne), "one-to-one");
  EXPECT_EQ(to_string(Spread::kEach), "each");
  EXPECT_EQ(to_string(Spread::kRoundRobin), "round-robin");
  EXPECT_EQ(to_string(Spread::kShared), "shared");
  EXPECT_EQ(to_string(Spread::kHash), "hash");
  EXPECT_EQ(sample_plan().tasks[1].name(), "worker[0]");
}

}  // namespace
}  // namespace mvm::queue
