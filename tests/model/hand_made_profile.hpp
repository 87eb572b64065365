// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <mvm/base/diagnostic.hpp>
#include <mvm/model/profile.hpp>

namespace mvm::model {

/// A profile written statement by statement, each on a line of its own (from 1), without XML.
class HandMadeProfile {
 public:
  HandMadeProfile() {
    profile_.name = "test";
    profile_.file = "/test.mvm.xml";
  }

  JobModel& job(std::string name, std::uint32_t count) {
    JobModel made;
    made.name = std::move(name);
    made.count = count;
    made.folder = "/";
    made.place = place();
    return profile_.jobs.emplace_back(std::move(made));
  }
  GraphStatement& graph(GraphKind kind, std::vector<std::string> over) {
    GraphStatement made;
    made.kind = kind;
    made.over = std::move(over);
    made.place = place();
    return profile_.graphs.emplace_back(std::move(made));
  }
  LinkStatement& link(EndSelector from, EndSelector to, queue::Spread spread) {
    return profile_.links.emplace_back(
        LinkStatement{std::move(from), std::move(to), spread, 1, place()});
  }
  QueueRule& queue(std::string job, std::optional<std::uint32_t> index, std::string port) {
    QueueRule made;
    made.job = std::move(job);
    made.index = index;
    made.port = std::move(port);
    made.place = place();
    return profile_.queues.emplace_back(std::move(made));
  }
  MachinesStatement& machines(std::uint32_t count) {
    MachinesStatement made;
    made.count = count;
    made.place = place();
    return profile_.machines.emplace_back(std::move(made));
  }

  PolicyModel& policy() { return profile_.policy; }
  [[nodiscard]] const Profile& profile() const { return profile_; }

 private:
  Place place() { return {"test.mvm.xml", ++line_}; }

  Profile profile_;
  int line_ = 0;
};

/// All complaints, one per line.
inline std::string lines(const Diagnostics& complaints) {
  std::string out;
  for (const auto& complaint : complaints) out += complaint.to_string() + "\n";
  return out;
}

}  // namespace mvm::model
