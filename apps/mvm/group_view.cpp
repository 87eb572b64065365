// SPDX-License-Identifier: GPL-3.0-or-later
#include "group_view.hpp"

#include <nlohmann/json.hpp>

#include <mvm/base/text.hpp>

namespace mvm::cli {
namespace {

using Json = nlohmann::json;

TaskView task_of(const Json& json) {
  TaskView task;
  task.name = json.at("task");
  task.machine = json.at("machine");
  task.condition = json.contains("condition") ? json["condition"] : json.at("end");
  task.waits_for = json.value("waits_for", std::string());
  task.waits_seconds = json.value("waits_seconds", 0.0);
  return task;
}

std::string drops_of(const Json& drops) {
  std::string words;
  for (const auto& [cause, count] : drops.items()) {
    const auto number = count.get<std::uint64_t>();
    if (number > 0) words += text(words.empty() ? "" : ", ", number, ' ', cause);
  }
  return words;
}

QueueView queue_of(const Json& json) {
  QueueView queue;
  queue.channel = json.at("channel");
  queue.from = json.at("from");
  queue.to = json.at("to");
  queue.type = json.at("type");
  queue.enqueued = json.at("enqueued");
  queue.dequeued = json.at("dequeued");
  queue.dropped = json.at("dropped");
  queue.drops = drops_of(json.at("drops"));
  queue.depth = json.contains("depth") ? json["depth"] : json.at("left");
  queue.lost_with_task = json.at("lost_with_task");
  queue.payload_bytes = json.at("payload_bytes");
  queue.high_water = json.at("high_water");
  queue.sender_blocked_seconds = json.at("sender_blocked_seconds");
  queue.receiver_blocked_seconds = json.at("receiver_blocked_seconds");
  return queue;
}

}  // namespace

Result<GroupView> read_group_view(const std::string& words) {
  try {
    const auto json = Json::parse(words);
    GroupView view;
    view.group = json.at("group");
    view.state = json.at("state");
    view.run_seconds = json.at("run_seconds");
    view.clock_seconds = json.value("clock_seconds", 0.0);
    view.deadlock =
        json.contains("deadlock") ? json["deadlock"].get<bool>() : json.value("deadlocks", 0U) > 0;
    for (const auto& task : json.at("tasks")) view.tasks.push_back(task_of(task));
    const bool live = json.contains("queues");
    for (const auto& queue : json.at(live ? "queues" : "channels")) {
      view.queues.push_back(queue_of(queue));
    }
    return view;
  } catch (const Json::exception& error) {
    return fail(ErrorCode::kSystem,
                "this is no state of a group, or one of another release: ", error.what());
  }
}

}  // namespace mvm::cli
