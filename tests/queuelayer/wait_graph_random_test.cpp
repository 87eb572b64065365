// SPDX-License-Identifier: Apache-2.0
// The search against its definition, on random groups; and answers that do not fit the plan.
#include <algorithm>
#include <functional>
#include <random>
#include <set>

#include "test_seed.hpp"
#include "wait_graph_lab.hpp"

namespace mvm::queue {
namespace {

/// The definition, word for word: begin with all that wait, and take out who can move until nobody
/// is left to take out.
std::set<std::uint32_t> stuck_by_definition(Group& group, std::uint32_t tasks) {
  std::set<std::uint32_t> stuck;
  for (std::uint32_t t = 0; t < tasks; ++t) {
    const auto& status = group.task(t);
    const bool all_wait = status.threads == status.waits.size() && !status.has_children;
    const bool attached = status.state == TaskState::kAttached;
    if (attached && all_wait) stuck.insert(t);
  }
  const auto brings_message = [&](std::uint32_t edge) {
    return !group.count(edge).sender_closed && !stuck.contains(group.edges()[edge].sender);
  };
  std::function<bool(std::uint32_t, const ThreadWait&)> can_end;
  const auto can_end_exchange = [&](std::uint32_t t, const ThreadWait& wait) {
    return wait.pending.empty() ||
           std::ranges::any_of(wait.pending, [&](const control::PendingWait& operation) {
             return can_end(
                 t,
                 {.kind = operation.kind, .subject = operation.port, .channel = operation.channel});
           });
  };
  can_end = [&](std::uint32_t t, const ThreadWait& wait) {
    if (wait.limited || wait.can_go_on) return true;
    if (wait.kind == WaitKind::kSend) {
      const auto edge = static_cast<std::uint32_t>(group.plans()[0].channels[wait.channel].id);
      const auto& receivers = group.edges()[edge].receivers;
      const auto alive = [&](std::uint32_t r) { return group.task(r).state != TaskState::kEnded; };
      if (std::ranges::none_of(receivers, alive)) return true;
      return std::ranges::any_of(receivers,
                                 [&](std::uint32_t r) { return alive(r) && !stuck.contains(r); });
    }
    if (wait.kind == WaitKind::kExchange) return can_end_exchange(t, wait);
    bool all_closed = true;
    bool some_sender = false;
    for (std::uint32_t edge = 0; edge < group.edges().size(); ++edge) {
      const auto& receivers = group.edges()[edge].receivers;
      if (std::ranges::find(receivers, t) == receivers.end()) continue;
      const auto name = "in" + std::to_string(edge);
      if (wait.kind == WaitKind::kReceive && group.spec(t).ports[wait.subject].name != name)
        continue;
      all_closed &= group.count(edge).sender_closed;
      some_sender |= brings_message(edge);
    }
    return all_closed || some_sender;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto t : std::set(stuck)) {
      const auto& waits = group.task(t).waits;
      if (std::ranges::any_of(waits, [&](const auto& wait) { return can_end(t, wait); })) {
        stuck.erase(t);
        changed = true;
      }
    }
  }
  return stuck;
}

TEST(WaitGraph, AgreesWithTheDefinitionOnRandomGroups) {
  const auto seed = test_seed();
  std::mt19937 random(seed);
  std::uint64_t some_stuck = 0;
  std::uint64_t some_moving = 0;
  for (int round = 0; round < 3'000; ++round) {
    const auto tasks = static_cast<std::uint32_t>(2 + random_below(random, 9));
    std::vector<Edge> edges;
    const auto edge_count = 1 + random_below(random, 2 * tasks);
    for (std::uint64_t e = 0; e < edge_count; ++e) {
      std::set<std::uint32_t> receivers;
      for (auto n = 1 + random_below(random, 2); n > 0; --n) {
        receivers.insert(static_cast<std::uint32_t>(random_below(random, tasks)));
      }
      edges.push_back({static_cast<std::uint32_t>(random_below(random, tasks)),
                       {receivers.begin(), receivers.end()}});
    }
    Group group(std::vector<std::uint32_t>(tasks, 0), edges);
    const auto rarely = [&](std::uint32_t one_in) { return random_below(random, one_in) == 0; };
    for (std::uint32_t edge = 0; edge < edges.size(); ++edge) {
      group.count(edge).sender_closed = rarely(12);
    }
    for (std::uint32_t t = 0; t < tasks; ++t) {
      std::vector<std::uint32_t> in;
      std::vector<std::uint32_t> out;
      for (std::uint32_t e = 0; e < edges.size(); ++e) {
        const auto& receivers = edges[e].receivers;
        if (std::ranges::find(receivers, t) != receivers.end()) in.push_back(e);
        if (edges[e].sender == t) out.push_back(e);
      }
      const auto one_of = [&](const auto& list) { return list[random_below(random, list.size())]; };
      auto& status = group.task(t);
      status.threads = rarely(6) ? 2 : 1;
      for (std::uint32_t thread = 0; thread < status.threads && !rarely(10); ++thread) {
        ThreadWait* wait = nullptr;
        if (rarely(3)) {
          const auto some_of = [&](auto list) {
            std::erase_if(list, [&](std::uint32_t) { return rarely(2); });
            return list;
          };
          wait = &group.exchanges(t, some_of(in), some_of(out));
        } else if (!in.empty() && (out.empty() || rarely(2))) {
          wait = rarely(3) ? &group.receives_any(t) : &group.receives(t, one_of(in));
        } else if (!out.empty()) {
          wait = &group.sends(t, one_of(out));
        }
        if (wait == nullptr) break;
        wait->limited = rarely(25);
        wait->can_go_on = rarely(25);
      }
      if (rarely(30)) status.has_children = true;
      if (rarely(20)) status.state = rarely(2) ? TaskState::kStarting : TaskState::kEnded;
    }
    const auto expected = stuck_by_definition(group, tasks);
    ASSERT_EQ(group.stuck(), expected) << "seed " << seed << ", round " << round;
    ASSERT_EQ(group.look().knots.empty(), expected.empty()) << "seed " << seed;
    ++(expected.empty() ? some_moving : some_stuck);
  }
  EXPECT_GT(some_stuck, 300U);
  EXPECT_GT(some_moving, 300U);
}

/// Answers that do not fit the plan, as a broken queue VM might give them, are no deadlock and no
/// crash.
TEST(WaitGraph, SurvivesAnswersThatDoNotFitThePlan) {
  const auto seed = test_seed();
  std::mt19937 random(seed);
  for (int round = 0; round < 2'000; ++round) {
    auto group = waiting_ring({0, 0, 1, 1});
    for (auto& status : group.statuses()) {
      if (random_below(random, 4) == 0) status.tasks.resize(random_below(random, 4));
      if (random_below(random, 4) == 0) status.channels.resize(random_below(random, 6));
      for (auto& task : status.tasks) {
        if (random_below(random, 3) == 0) task.task = static_cast<std::uint32_t>(random());
        for (auto& wait : task.waits) {
          if (random_below(random, 3) == 0) wait.subject = static_cast<std::uint32_t>(random());
          if (random_below(random, 3) == 0) wait.channel = static_cast<std::uint32_t>(random());
          wait.kind = static_cast<WaitKind>(random_below(random, 6));
          for (auto n = random_below(random, 3); n > 0; --n) {
            wait.pending.push_back(
                {.kind = static_cast<WaitKind>(random_below(random, 6)),
                 .port = static_cast<std::uint32_t>(random_below(random, 4)),
                 .channel = static_cast<std::uint32_t>(random_below(random, 9))});
          }
        }
      }
    }
    if (random_below(random, 4) == 0) group.statuses().pop_back();
    (void)group.look();
  }
}

}  // namespace
}  // namespace mvm::queue
