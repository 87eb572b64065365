// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <mvm/base/subprocess.hpp>

namespace mvm::test {

/// Hosts of our own on this machine, numbered from 0, joined by a switch. Each has its own network
/// (address 10.77.NUMBER.1), processes, host name, /dev/shm and IPC; files are shared, as over
/// a network file system. Only inside of a world (world.hpp), one set at a time. All that runs on
/// them ends with this object. Throws when a host cannot be made.
class Hosts {
 public:
  explicit Hosts(int count);
  ~Hosts();
  Hosts(const Hosts&) = delete;
  Hosts& operator=(const Hosts&) = delete;

  [[nodiscard]] int count() const { return static_cast<int>(hosts_.size()); }
  [[nodiscard]] static std::string address(int host);
  /// For `mvm run --endpoint`: "10.77.{machine}.1".
  [[nodiscard]] static std::string addresses();

  /// A program that runs its arguments on a host, as `ssh HOST` would: "FOLDER/on0".
  [[nodiscard]] std::filesystem::path agent(int host) const;
  /// The same for `mvm run --launch`: "FOLDER/on{machine}".
  [[nodiscard]] std::string agents() const;

  /// Pulls a host's cable, and puts it back.
  void cut(int host) const;
  void heal(int host) const;
  /// These hosts hear only each other, and the others only each other; until `unite`.
  void part(const std::set<int>& some) const;
  void unite() const;

  /// Ends all that runs on a host, at once, for good.
  void power_off(int host);

  /// The command lines of what runs on a host, apart from its first process.
  [[nodiscard]] std::vector<std::string> processes(int host) const;
  /// Of all that runs in this world.
  [[nodiscard]] static std::vector<std::string> all_processes();

 private:
  struct Host {
    Child keeper;     ///< its end is the host's
    pid_t first = 0;  ///< process
  };
  void start(int host);
  void end();

  std::filesystem::path folder_;
  std::vector<Host> hosts_;
};

}  // namespace mvm::test
