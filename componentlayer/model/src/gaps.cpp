// SPDX-License-Identifier: GPL-3.0-or-later
#include "gaps.hpp"

#include <algorithm>
#include <cctype>

#include <mvm/model/shape.hpp>

namespace mvm::model {
namespace {

const std::string kAny;

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

/// Whether a rule's port (a name, or a beginning that ends in '*') matches a name in which '#'
/// stands for a number.
bool may_be(std::string_view wanted, std::string_view name) {
  const bool beginning = wanted.ends_with('*');
  if (beginning) wanted.remove_suffix(1);
  for (const char c : name) {
    if (wanted.empty()) return beginning;
    if (c != '#') {
      if (wanted.front() != c) return false;
      wanted.remove_prefix(1);
      continue;
    }
    if (!is_digit(wanted.front())) return false;
    while (!wanted.empty() && is_digit(wanted.front())) wanted.remove_prefix(1);
  }
  return wanted.empty();
}

}  // namespace

void Gaps::add(const GraphStatement& graph) {
  const auto ports = receiving_ports(graph.kind, graph.dims.size());
  if (ports.empty()) return add_any_port(graph.over);
  const auto jobs = graph.over.empty() ? std::vector{kAny} : graph.over;
  for (const auto& job : jobs) {
    for (const auto& port : ports) add_port(job, graph.prefix + port);
  }
}

void Gaps::add(const LinkStatement& link) {
  add_port(link.to.job, link.to.port);
}

void Gaps::add(const OpenStatement& open) {
  if (open.enters) {
    add_port(open.end.job, open.end.port);
  } else {
    add_port(std::string(kOutsideJob), open.port);
  }
}

void Gaps::add_any_port(const std::vector<std::string>& jobs) {
  if (jobs.empty()) add_port(kAny, kAny);
  for (const auto& job : jobs) add_port(job, kAny);
}

void Gaps::add_port(const std::string& job, const std::string& port) {
  if (count_ == kMaxGaps) {
    ports_ = {{kAny, {kAny}}};
  } else if (ports_[job].insert(port).second) {
    ++count_;
  }
}

std::set<std::string> Gaps::ports_for(const QueueRule& rule) const {
  std::set<std::string> ports;
  for (const auto& [job, of_job] : ports_) {
    if (job == kAny || rule.job == "*" || job == rule.job) {
      ports.insert(of_job.begin(), of_job.end());
    }
  }
  return ports;
}

bool Gaps::may_match(const QueueRule& rule) const {
  return std::ranges::any_of(ports_for(rule), [&](const std::string& port) {
    return port == kAny || may_be(rule.port, port);
  });
}

std::vector<std::string> Gaps::port_words(const QueueRule& rule) const {
  // The job's own first: a graph that may lie over any job says little about this one.
  const auto own = ports_.find(rule.job);
  std::vector<std::string> words;
  for (auto port : own == ports_.end() ? ports_for(rule) : own->second) {
    std::ranges::replace(port, '#', '0');
    words.push_back(std::move(port));
  }
  return words;
}

}  // namespace mvm::model
