// SPDX-License-Identifier: Apache-2.0
#include "hosts.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>

#include <mvm/base/file.hpp>

#include "world.hpp"

namespace mvm::test {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kPatience{20};
constexpr const char* kSwitch = "switch";
constexpr const char* kOtherSwitch = "switch2";

/// Outside, networks and processes would be those of the machine.
void check_world() {
  if (!in_world()) throw std::logic_error("hosts can only be made inside of a world");
}

/// Runs a command, words between single blanks, that must succeed.
void run(std::string_view command) {
  SpawnRequest request;
  for (auto rest = command; !rest.empty();) {
    const auto word = rest.substr(0, rest.find(' '));
    request.arguments.emplace_back(word);
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
  }
  request.environment = current_environment();
  const auto done = run_guarded(request, kPatience, 64_KiB);
  if (!done) throw std::runtime_error(done.error().message);
  if (!done->status.success()) {
    throw std::runtime_error(std::string(command) + " failed: " + done->errors);
  }
}

void ip(const std::string& words) {
  check_world();
  run("ip " + words);
}

void delete_link(const std::string& name) {
  try {
    ip("link delete " + name);
  } catch (const std::exception&) {
    // It is gone.
  }
}

/// The cable of a host, at the switch.
std::string cable(int host) {
  return "host" + std::to_string(host);
}

/// Reads what `be_host` says. Gives the number of the first process.
pid_t read_first_process(int fd) {
  const auto did_not = [](const std::string& said) {
    return std::runtime_error("a host did not start; its words above say why. It said: " + said);
  };
  std::string said;
  for (int lines = 0; lines < 2;) {
    char letter = 0;
    pollfd readable{fd, POLLIN, 0};
    if (::poll(&readable, 1, std::chrono::milliseconds(kPatience).count()) <= 0 ||
        ::read(fd, &letter, 1) <= 0) {
      throw did_not(said);
    }
    said += letter;
    if (letter == '\n') ++lines;
  }
  int first = 0;
  if (std::sscanf(said.c_str(), "first %d\nready\n", &first) != 1 &&
      std::sscanf(said.c_str(), "ready\nfirst %d\n", &first) != 1) {
    throw did_not(said);
  }
  return first;
}

/// Words with a blank behind each. Files of /proc do not tell their size.
std::string command_line(const fs::path& process) {
  std::ifstream file(process / "cmdline");
  std::string line{std::istreambuf_iterator<char>(file), {}};
  std::replace(line.begin(), line.end(), '\0', ' ');
  return line;
}

template <typename Look>
void for_each_process(Look look) {
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") == std::string::npos) look(entry.path());
  }
}

}  // namespace

Hosts::Hosts(int count) : hosts_(static_cast<std::size_t>(count)) {
  check_world();
  std::string name = "/run/hosts-XXXXXX";  // the world's own
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
  folder_ = name;
  try {
    for (const auto* bridge : {kSwitch, kOtherSwitch}) {
      ip(std::string("link add ") + bridge + " type bridge");
      ip(std::string("link set ") + bridge + " up");
    }
    for (int host = 0; host < count; ++host) start(host);
  } catch (...) {
    end();
    throw;
  }
}

Hosts::~Hosts() {
  end();
}

void Hosts::end() {
  for (int host = 0; host < count(); ++host) power_off(host);
  // Cables go with their hosts' networks, some time. What stays nevertheless goes with the world.
  for (int host = 0; host < count(); ++host) delete_link(cable(host));
  delete_link(kSwitch);
  delete_link(kOtherSwitch);
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void Hosts::power_off(int host) {
  Host& it = hosts_.at(static_cast<std::size_t>(host));
  if (!it.keeper.pidfd) return;
  // With the first process end all others; without one the keeper is all there is.
  ::kill(it.first > 0 ? it.first : it.keeper.pid, SIGKILL);
  ::waitpid(it.keeper.pid, nullptr, 0);
  it = {};
}

void Hosts::start(int host) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  const UniqueFd words(ends[0]);
  UniqueFd words_end(ends[1]);
  SpawnRequest request;
  request.arguments = {"/proc/self/exe", kBeHost, cable(host)};
  request.environment = current_environment();
  request.standard_output = words_end.get();
  auto keeper = spawn(request);
  if (!keeper) throw std::runtime_error(keeper.error().message);
  words_end.reset();
  Host& made = hosts_[static_cast<std::size_t>(host)];
  made.keeper = std::move(*keeper);
  made.first = read_first_process(words.get());
  const auto pid = std::to_string(made.first);

  // A fixed hardware address: whoever knew an earlier host of this number need not ask again.
  char hardware_address[18];
  std::snprintf(hardware_address, sizeof hardware_address, "02:00:00:00:00:%02x", host);
  ip("link add " + cable(host) + " type veth peer name eth0 address " + hardware_address +
     " netns " + pid);
  ip("link set " + cable(host) + " master " + kSwitch + " up");
  const auto agent_file = agent(host);
  if (auto written =
          write_file_atomically(agent_file, "#!/bin/sh\nexec nsenter --target " + pid +
                                                " --net --mount --uts --ipc --pid -- \"$@\"\n");
      !written) {
    throw std::runtime_error(written.error().message);
  }
  fs::permissions(agent_file, fs::perms::owner_all);
  for (const auto& words_of_ip : {"address add " + address(host) + "/16 dev eth0",
                                  std::string("link set eth0 up"), std::string("link set lo up")}) {
    run(agent_file.string() + " ip " + words_of_ip);
  }
}

std::string Hosts::address(int host) {
  return "10.77." + std::to_string(host) + ".1";
}

std::string Hosts::addresses() {
  return "10.77.{machine}.1";
}

fs::path Hosts::agent(int host) const {
  return folder_ / ("on" + std::to_string(host));
}

std::string Hosts::agents() const {
  return (folder_ / "on{machine}").string();
}

void Hosts::cut(int host) const {
  ip("link set " + cable(host) + " down");
}

void Hosts::heal(int host) const {
  ip("link set " + cable(host) + " up");
}

void Hosts::part(const std::set<int>& some) const {
  for (const int host : some) ip("link set " + cable(host) + " master " + kOtherSwitch);
}

void Hosts::unite() const {
  for (int host = 0; host < count(); ++host) ip("link set " + cable(host) + " master " + kSwitch);
}

std::vector<std::string> Hosts::processes(int host) const {
  const auto pid = hosts_.at(static_cast<std::size_t>(host)).first;
  if (pid == 0) return {};  // it is switched off
  const auto first = "/proc/" + std::to_string(pid);
  const auto home = fs::read_symlink(first + "/ns/pid");
  std::vector<std::string> found;
  for_each_process([&](const fs::path& process) {
    // Of a process that has ended there is nothing to read.
    std::error_code gone;
    if (process == first || fs::read_symlink(process / "ns/pid", gone) != home) return;
    found.push_back(command_line(process));
  });
  return found;
}

std::vector<std::string> Hosts::all_processes() {
  std::vector<std::string> found;
  for_each_process([&](const fs::path& process) { found.push_back(command_line(process)); });
  return found;
}

}  // namespace mvm::test
