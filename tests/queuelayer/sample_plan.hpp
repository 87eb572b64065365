// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::queue {

/// Machine 0 of a group of two: source[0] feeds worker[0] here and worker[1] there through one
/// shared queue, and worker[0] answers to a port of its own. Every field differs from its default.
inline WiringPlan sample_plan() {
  WiringPlan plan;
  plan.group = "farm-0123abcd";
  plan.machine = 0;
  plan.machines = {{"ipc:///run/mvm/0", "ipc:///run/mvm/d0"},
                   {"tcp://10.0.0.2:4000", "tcp://10.0.0.2:4001"}};
  plan.secret = std::string(64, 'a');
  plan.programs = {"/cache/source", "/cache/worker"};
  plan.output_directory = "/runs/farm/output";
  plan.work_directory = "/runs/farm/work/m1";
  plan.wall_time = std::chrono::minutes(10);
  plan.grace = std::chrono::seconds(2);
  plan.on_control_loss = ControlLoss::kHold;
  plan.hold = std::chrono::seconds(30);
  plan.end_on_failure = false;

  ChannelSpec work;
  work.id = 7;
  work.queue.capacity = 8;
  work.queue.bytes = 4_KiB;
  work.sender = 10;
  work.receivers = {11, 12};
  work.receiver_machines = {0, 1};
  work.sender_port = "source[0].out";
  work.receiver_port = "worker[*].in";
  ChannelSpec answer;
  answer.id = 9;
  answer.sender = 11;
  answer.receivers = {10};
  answer.receiver_machines = {0};
  answer.sender_port = "worker[0].done";
  answer.receiver_port = "source[0].out";
  plan.channels = {work, answer};

  TaskSpec source;
  source.id = 10;
  source.job = "source";
  source.coordinates = {0};
  source.program = 0;
  source.arguments = {"500"};
  source.environment = {"LANG=C"};
  source.directory = "/runs/farm/work/source.0";
  source.inputs = {"/home/me/initial.csv"};
  source.outputs = {"field-*.csv"};
  source.cores = {1};
  source.shares_core = true;
  source.memory = 64_MiB;
  source.ports = {{"out", {{Spread::kShared, {0}}}, {1}}};
  TaskSpec worker;
  worker.id = 11;
  worker.job = "worker";
  worker.count = 2;
  worker.coordinates = {0};
  worker.program = 1;
  worker.directory = "/runs/farm/work/worker.0";
  worker.ports = {{"in", {}, {0}}, {"done", {{Spread::kOneToOne, {1}}}, {}}};
  plan.tasks = {source, worker};
  return plan;
}

}  // namespace mvm::queue
