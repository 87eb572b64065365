// SPDX-License-Identifier: GPL-3.0-or-later
#include "profile_template.hpp"

namespace mvm::cli {
namespace {

constexpr const char* kRingProfile = R"(<?xml version="1.0"?>
<profile xmlns="urn:mvm:profile:1" name="@NAME@">
  <param name="tasks" type="int" default="4" min="1" max="256" description="tasks in the ring"/>

  <job name="member" count="${tasks}">
    <source>member.cpp</source>
  </job>

  <topology>
    <graph kind="ring" over="member"/>
  </topology>
</profile>
)";

constexpr const char* kRingMember =
    R"(// A number travels once around the ring, and every member adds its index to it.
#include <cstdio>
#include <mvm/job.hpp>

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  mvm::Port& next = job.port("next");
  mvm::Port& prev = job.port("prev");
  const auto index = static_cast<int>(job.index());
  if (index == 0) {
    next.send(0);
    std::printf("the indices add up to %d\n", prev.receive<int>());
  } else {
    const int sum = prev.receive<int>() + index;
    std::printf("passing on %d\n", sum);
    next.send(sum);
  }
}
)";

constexpr const char* kPipelineProfile = R"(<?xml version="1.0"?>
<profile xmlns="urn:mvm:profile:1" name="@NAME@">
  <param name="last" type="int" default="10" min="1" description="numbers to send through"/>

  <job name="count"><source>count.cpp</source><arg>${last}</arg></job>
  <job name="square"><source>square.cpp</source></job>
  <job name="print"><source>print.cpp</source></job>

  <topology>
    <graph kind="pipeline" over="count square print"/>
  </topology>
</profile>
)";

constexpr const char* kPipelineCount = R"(// The first stage: sends 1, 2, ... to the next one.
#include <cstdlib>
#include <mvm/job.hpp>

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const long last = std::atol(job.arguments().at(0).c_str());
  for (long number = 1; number <= last; ++number) job.port("out").send(number);
}
)";

constexpr const char* kPipelineSquare =
    R"(// The middle stage: ends by itself when the stage before it has ended.
#include <mvm/job.hpp>

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  while (auto number = job.port("in").next<long>()) job.port("out").send(*number * *number);
}
)";

constexpr const char* kPipelinePrint = R"(// The last stage.
#include <cstdio>
#include <mvm/job.hpp>

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  while (auto number = job.port("in").next<long>()) std::printf("%ld\n", *number);
}
)";

constexpr const char* kFarmProfile = R"(<?xml version="1.0"?>
<profile xmlns="urn:mvm:profile:1" name="@NAME@">
  <param name="workers" type="int" default="4" min="1" max="256" description="tasks that work"/>

  <job name="source"><source>source.cpp</source></job>
  <job name="worker" count="${workers}"><source>worker.cpp</source></job>
  <job name="sink"><source>sink.cpp</source></job>

  <topology>
    <!-- One queue for all workers: who is free takes the next message. -->
    <link from="source.out" to="worker.in" spread="shared"/>
    <link from="worker.out" to="sink.in" spread="shared"/>
  </topology>
</profile>
)";

constexpr const char* kFarmSource = R"(// Hands out numbers to whoever is free.
#include <mvm/job.hpp>

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  for (long number = 2; number <= 1000; ++number) job.port("out").send(number);
}
)";

constexpr const char* kFarmWorker = R"(// Passes the primes on.
#include <mvm/job.hpp>

static bool is_prime(long number) {
  for (long divisor = 2; divisor * divisor <= number; ++divisor) {
    if (number % divisor == 0) return false;
  }
  return true;
}

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  while (auto number = job.port("in").next<long>()) {
    if (is_prime(*number)) job.port("out").send(*number);
  }
}
)";

constexpr const char* kFarmSink = R"(// Counts what the workers found.
#include <cstdio>
#include <mvm/job.hpp>

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  int primes = 0;
  while (job.port("in").next<long>()) ++primes;
  std::printf("%d primes up to 1000\n", primes);
}
)";

}  // namespace

const std::vector<ProfileTemplate>& profile_templates() {
  static const std::vector<ProfileTemplate> templates = {
      {"ring",
       "tasks in a circle pass a number around",
       {{"@NAME@.mvm.xml", kRingProfile}, {"member.cpp", kRingMember}}},
      {"pipeline",
       "three jobs, each feeding the next",
       {{"@NAME@.mvm.xml", kPipelineProfile},
        {"count.cpp", kPipelineCount},
        {"square.cpp", kPipelineSquare},
        {"print.cpp", kPipelinePrint}}},
      {"farm",
       "many workers take from one queue",
       {{"@NAME@.mvm.xml", kFarmProfile},
        {"source.cpp", kFarmSource},
        {"worker.cpp", kFarmWorker},
        {"sink.cpp", kFarmSink}}},
  };
  return templates;
}

}  // namespace mvm::cli
