// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <mvm/model/profile.hpp>

namespace mvm::model {

/// Ports that a profile may have although its topology lacks them, because the statement that
/// makes them is itself in error. Nothing is concluded from their absence: who mends the statement
/// should not find that the complaint about a queue rule was only its shadow.
class Gaps {
 public:
  /// The statement was read, but its edges cannot be made. A graph over no jobs may lie over any.
  void add(const GraphStatement& graph);
  void add(const LinkStatement& link);
  void add(const OpenStatement& open);

  /// Some port of these jobs; of any job when there are none.
  void add_any_port(const std::vector<std::string>& jobs = {});

  /// A port of `job` at which edges arrive.
  void add_port(const std::string& job, const std::string& port);

  [[nodiscard]] bool empty() const { return ports_.empty(); }

  /// True when a receiving port that `rule` matches may be missing.
  [[nodiscard]] bool may_match(const QueueRule& rule) const;

  /// The missing ports of the jobs that `rule` names, as words for people.
  [[nodiscard]] std::vector<std::string> port_words(const QueueRule& rule) const;

 private:
  [[nodiscard]] std::set<std::string> ports_for(const QueueRule& rule) const;

  /// By job, "" for any. A '#' in a port's name stands for a number, "" for any name.
  std::map<std::string, std::set<std::string>> ports_;
  std::size_t count_ = 0;
};

/// Beyond so many, any port counts as missing: comparing each rule with each gap would take long.
inline constexpr std::size_t kMaxGaps = 1000;

}  // namespace mvm::model
