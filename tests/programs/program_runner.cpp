// SPDX-License-Identifier: GPL-3.0-or-later
#include "program_runner.hpp"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <stdexcept>

#include <mvm/base/clock.hpp>
#include <mvm/base/file.hpp>

namespace mvm::test {
namespace {

namespace fs = std::filesystem;

constexpr Bytes kOutputLimit = 64_MiB;

int milliseconds_until(SteadyTime deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

template <typename T>
T value_of(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}

/// A pipe's ends: ours to read, the program's to write.
std::pair<UniqueFd, UniqueFd> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace

RunningProgram::RunningProgram(Child child, UniqueFd output, UniqueFd errors)
    : child_(std::move(child)), output_(std::move(output)), errors_(std::move(errors)) {}

RunningProgram::~RunningProgram() {
  if (!child_.pidfd) return;
  send_signal(SIGKILL);
  ::waitpid(child_.pid, nullptr, 0);
}

void RunningProgram::send_signal(int signal) const {
  ::kill(child_.pid, signal);
}

bool RunningProgram::read_some(SteadyTime deadline) {
  pollfd streams[] = {{output_ ? output_.get() : -1, POLLIN, 0},
                      {errors_ ? errors_.get() : -1, POLLIN, 0}};
  if (streams[0].fd < 0 && streams[1].fd < 0) return false;
  if (::poll(streams, 2, milliseconds_until(deadline)) <= 0) return false;
  const auto take = [](const pollfd& stream, UniqueFd& fd, std::string& into) {
    if (stream.revents == 0) return;
    char bytes[65536];
    const auto got = ::read(fd.get(), bytes, sizeof bytes);
    if (got > 0)
      into.append(bytes, static_cast<std::size_t>(got));
    else
      fd.reset();
  };
  take(streams[0], output_, completed_.output);
  take(streams[1], errors_, completed_.errors);
  return true;
}

bool RunningProgram::read_until(const std::string& words, std::chrono::milliseconds limit) {
  const auto deadline = now() + limit;
  const auto found = [&] {
    return completed_.output.find(words) != std::string::npos ||
           completed_.errors.find(words) != std::string::npos;
  };
  while (!found()) {
    if (!read_some(deadline)) return found();
  }
  return true;
}

Completed RunningProgram::finish(std::chrono::milliseconds limit) {
  const auto deadline = now() + limit;
  while (read_some(deadline)) {
  }
  pollfd ended{child_.pidfd.get(), POLLIN, 0};
  if (::poll(&ended, 1, milliseconds_until(deadline)) <= 0) {
    completed_.timed_out = true;
    send_signal(SIGKILL);
  }
  int status = 0;
  ::waitpid(child_.pid, &status, 0);
  child_.pidfd.reset();
  completed_.status = decode_wait_status(status);
  return completed_;
}

ProgramRunner::ProgramRunner() : environment_(current_environment()) {
  auto name = (fs::temp_directory_path() / "mvm-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
  folder_ = fs::canonical(name);
  set_environment("HOME=" + folder_.string());
  set_environment("MVM_CACHE_DIR=" + (folder_ / "cache").string());
  set_environment("MVM_STATE_DIR=" + (folder_ / "state").string());
  set_environment("MVM_DATA_DIR=" + (folder_ / "data").string());
  set_environment("MVM_RUNTIME_DIR=" + (folder_ / "runtime").string());
}

ProgramRunner::~ProgramRunner() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void ProgramRunner::set_environment(const std::string& word) {
  const auto name = word.substr(0, word.find('=') + 1);
  std::erase_if(environment_, [&](const std::string& known) { return known.starts_with(name); });
  environment_.push_back(word);
}

fs::path ProgramRunner::write(const fs::path& name, const std::string& content) const {
  const auto path = folder_ / name;
  fs::create_directories(path.parent_path());
  if (auto written = write_file_atomically(path, content); !written) {
    throw std::runtime_error(written.error().message);
  }
  return path;
}

std::string ProgramRunner::read(const fs::path& name) const {
  return value_of(read_file(folder_ / name, kOutputLimit));
}

SpawnRequest ProgramRunner::request_for(std::vector<std::string> words) const {
  SpawnRequest request;
  request.arguments = std::move(words);
  request.environment = environment_;
  request.directory = folder_;
  return request;
}

Completed ProgramRunner::mvm(std::vector<std::string> arguments,
                             std::chrono::milliseconds limit) const {
  arguments.insert(arguments.begin(), mvm_program().string());
  return run(std::move(arguments), limit);
}

Completed ProgramRunner::run(std::vector<std::string> words,
                             std::chrono::milliseconds limit) const {
  return value_of(run_guarded(request_for(std::move(words)), limit, kOutputLimit));
}

RunningProgram ProgramRunner::start_mvm(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), mvm_program().string());
  auto request = request_for(std::move(arguments));
  auto [output, output_end] = make_pipe();
  auto [errors, errors_end] = make_pipe();
  request.standard_output = output_end.get();
  request.standard_error = errors_end.get();
  return {value_of(spawn(request)), std::move(output), std::move(errors)};
}

fs::path ProgramRunner::mvm_program() {
  return fs::path(MVM_BINARY_DIR) / "bin/mvm";
}

}  // namespace mvm::test
