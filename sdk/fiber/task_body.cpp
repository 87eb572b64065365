// SPDX-License-Identifier: Apache-2.0
#include "task_body.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "newsletter.hpp"
#include "scheduler.hpp"

namespace mvm::fiber {
namespace {

using queue::worker::NewsKind;

/// The status of what MVM itself refuses.
constexpr int kRefused = 125;

std::span<const Program> all_programs;
const pid_t worker_pid = ::getpid();

[[noreturn]] void refuse(const Fiber& fiber, const std::string& reason) {
  std::fprintf(stderr, "%s: %s\n", fiber.spec->name.c_str(), reason.c_str());
  end_task(NewsKind::kExited, kRefused);
}

std::size_t all_fibers = 0;

}  // namespace

void set_programs(std::span<const Program> programs) {
  all_programs = programs;
}

bool is_task() {
  return Scheduler::running() != nullptr && ::getpid() == worker_pid;
}

void run_task(Fiber& fiber) {
  const auto& spec = *fiber.spec;
  if (all_fibers == 0) all_fibers = Scheduler::of_this_process()->unfinished();
  auto image = all_programs[spec.program].load_copy(spec.name, spec.task + 1);
  if (!image) refuse(fiber, image.error().message);
  fiber.image = *image;
  fiber.stack.trim();  // the loader needs much, and most tasks little
  const Main main_function = main_of(fiber.image);
  if (main_function == nullptr) refuse(fiber, "its program has no main function");
  // The words outlive the task: its threads may.
  std::vector<char*> words;
  words.push_back(const_cast<char*>(spec.name.c_str()));
  for (const auto& argument : spec.arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  exit_task(main_function(static_cast<int>(words.size() - 1), words.data(), environ));
}

void exit_task(int status) {
  Fiber& fiber = *Scheduler::running();
  if (!fiber.exits) {
    fiber.exits = true;
    while (!fiber.thread_exits.empty()) {
      const auto next = fiber.thread_exits.back();
      fiber.thread_exits.pop_back();
      next.destroy(next.object);
    }
    if (fiber.image != nullptr) finalize(fiber.image);
  }
  end_task(NewsKind::kExited, status & 0xff);
}

void end_task(NewsKind kind, int status) {
  Fiber& fiber = *Scheduler::running();
  // Not closed: threads of the task may write still.
  std::fflush(fiber.output);
  std::fflush(fiber.errors);
  auto& scheduler = *Scheduler::of_this_process();
  tell_end(fiber.spec->task, kind, status, scheduler.unfinished(), all_fibers);
  scheduler.end_running();
}

}  // namespace mvm::fiber
