// SPDX-License-Identifier: Apache-2.0

/// mvm-fibers: a worker, the process that runs tasks of jobs with execution="fiber" on one core.
/// The queue VM starts it; worker_protocol.hpp says how the two speak.

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include <mvm/base/file.hpp>
#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/worker_protocol.hpp>

#include "../src/fiber_install.hpp"
#include "crash.hpp"
#include "scheduler.hpp"
#include "streams.hpp"
#include "task_body.hpp"

namespace mvm::fiber {
namespace {

constexpr Bytes kMaxList = 1_GiB;

/// What is to live as long as the process, because threads of tasks may.
struct Worker {
  queue::worker::FiberList list;
  std::unique_ptr<queue::Arena> arena;
  std::vector<Program> programs;
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::vector<Fiber*> order;
};

Result<void> attach(Worker& worker) {
  const auto words =
      read_file("/proc/self/fd/" + std::to_string(queue::worker::kListDescriptor), kMaxList);
  if (!words) return fail(words.error());
  auto list = queue::worker::decode_fiber_list(*words);
  if (!list) return fail(list.error());
  worker.list = std::move(*list);
  auto arena = queue::Arena::attach(queue::worker::kArenaDescriptor);
  if (!arena) return fail(arena.error());
  worker.arena = std::make_unique<queue::Arena>(std::move(*arena));
  const auto workers = worker.arena->list<queue::WorkerRecord>(worker.arena->header().workers);
  if (worker.list.fibers.empty() || worker.list.worker >= workers.size()) {
    return fail(ErrorCode::kProtocol, "there is nothing to run");
  }
  for (const auto& fiber : worker.list.fibers) {
    if (fiber.task < worker.arena->endpoint_count()) continue;
    return fail(ErrorCode::kProtocol, fiber.name, " has no place in the arena");
  }
  return {};
}

Result<void> prepare(Worker& worker) {
  for (const auto& path : worker.list.programs) {
    // Jobs whose tasks are processes have a program, too.
    const bool used = std::ranges::any_of(worker.list.fibers, [&](const auto& fiber) {
      return &worker.list.programs[fiber.program] == &path;
    });
    auto program = used ? Program::open(path) : Program();
    if (!program) return fail(program.error());
    worker.programs.push_back(std::move(*program));
  }
  for (const auto& spec : worker.list.fibers) {
    auto fiber = std::make_unique<Fiber>(spec);
    auto stack = Stack::make(spec.stack);
    if (!stack) return fail(stack.error());
    fiber->stack = std::move(*stack);
    fiber->directory = spec.directory;
    if (!open_streams(*fiber)) return fail(ErrorCode::kSystem, "no memory for ", spec.name);
    worker.order.push_back(fiber.get());
    worker.fibers.push_back(std::move(fiber));
  }
  return {};
}

int run() {
  auto& worker = *new Worker;
  auto ready = attach(worker);
  if (ready) ready = prepare(worker);
  if (!ready) {
    std::fprintf(stderr, "mvm-fibers: %s\n", ready.error().message.c_str());
    return 125;
  }
  for (const int descriptor : {queue::worker::kArenaDescriptor, queue::worker::kListDescriptor}) {
    ::close(descriptor);
  }
  ::fcntl(queue::worker::kNewsDescriptor, F_SETFD, FD_CLOEXEC);
  set_programs(worker.programs);
  auto& scheduler = *new Scheduler(*worker.arena, worker.list.worker, worker.order, run_task);
  queue::FiberHost::install(scheduler);
  run_fibers_by(scheduler);
  std::set_terminate(std::get_terminate());
  watch_for_crashes();
  scheduler.run();
  return 0;
}

}  // namespace
}  // namespace mvm::fiber

int main() {
  const int status = mvm::fiber::run();
  std::fflush(nullptr);
  // Threads of tasks may still run, and must not see their memory go.
  ::syscall(SYS_exit_group, status);
}
