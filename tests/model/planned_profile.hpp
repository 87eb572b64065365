// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <string_view>

#include <mvm/model/loaded_profile.hpp>

#include "profile_folder.hpp"

namespace mvm::model {

/// A profile in XML, read and planned. Its sources are named job.cpp.
class PlannedProfile {
 public:
  /// `body` stands inside `<profile name="test">`; its first line is line 2.
  explicit PlannedProfile(const std::string& body) {
    ReadOptions options;
    options.schema = default_schema();
    auto loaded = load_profile_text(
        "<profile xmlns=\"urn:mvm:profile:1\" name=\"test\">\n" + body + "\n</profile>\n",
        "test.mvm.xml", folder_.path(), options, {0, 1});
    if (loaded) {
      loaded_ = *std::move(loaded);
    } else {
      refusal_ = words_of(loaded.error());
    }
  }

  /// What is said against it; empty when it is sound.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }
  [[nodiscard]] const Profile& profile() const { return loaded_.profile; }
  [[nodiscard]] const Plan& plan() const { return loaded_.plan; }
  [[nodiscard]] const queue::WiringPlan& machine(std::size_t m) const {
    return plan().wiring.at(m);
  }

  /// The machine that holds a task.
  [[nodiscard]] const queue::WiringPlan& machine_of(std::string_view task) const {
    for (const auto& machine : plan().wiring) {
      for (const auto& spec : machine.tasks) {
        if (spec.name() == task) return machine;
      }
    }
    throw std::out_of_range(std::string(task));
  }
  [[nodiscard]] const queue::TaskSpec& task(std::string_view name) const {
    for (const auto& spec : machine_of(name).tasks) {
      if (spec.name() == name) return spec;
    }
    throw std::out_of_range(std::string(name));
  }
  [[nodiscard]] const queue::PortSpec& port(std::string_view task_name,
                                            std::string_view name) const {
    for (const auto& port : task(task_name).ports) {
      if (port.name == name) return port;
    }
    throw std::out_of_range(std::string(name));
  }
  /// The queue of the first edge that arrives at a port.
  [[nodiscard]] const queue::QueueSpec& queue_at(std::string_view task_name,
                                                 std::string_view name) const {
    const auto channel = port(task_name, name).receives.at(0);
    return machine_of(task_name).channels.at(channel).queue;
  }

  /// The wiring plans as a runner completes them are what queue VMs accept.
  void expect_sound() const {
    EXPECT_EQ(refusal_, "");
    for (auto machine : plan().wiring) {
      for (const auto& job : profile().jobs) machine.programs.push_back("/bin/" + job.name);
      for (auto& plugin : machine.plugins) plugin.path = "/lib/" + plugin.name;
      const auto sound = queue::check(machine);
      EXPECT_TRUE(sound.has_value()) << sound.error().message;
      const auto again = queue::decode_wiring_plan(queue::encode(machine));
      EXPECT_TRUE(again.has_value() && *again == machine);
    }
  }

 private:
  ProfileFolder folder_;
  LoadedProfile loaded_;
  std::string refusal_;
};

}  // namespace mvm::model
