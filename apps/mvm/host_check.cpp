// SPDX-License-Identifier: GPL-3.0-or-later
#include "host_check.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include <mvm/base/file.hpp>
#include <mvm/base/subprocess.hpp>
#include <mvm/model/plan.hpp>
#include <mvm/model/profile.hpp>
#include <mvm/queuelayer/codec_chain.hpp>
#include <mvm/queuelayer/codec_library.hpp>

#include "installation.hpp"

namespace mvm::cli {
namespace {

namespace fs = std::filesystem;

constexpr auto kProbeTime = std::chrono::seconds(20);
constexpr Bytes kProbeOutput = 64_KiB;

HostCheck present(std::string name, std::string detail) {
  return {std::move(name), Finding::kPresent, std::move(detail), {}};
}

HostCheck missing(std::string name, std::string detail, std::string remedy) {
  return {std::move(name), Finding::kMissing, std::move(detail), std::move(remedy)};
}

HostCheck optional(std::string name, std::string detail, std::string remedy) {
  return {std::move(name), Finding::kOptional, std::move(detail), std::move(remedy)};
}

std::string first_line(const std::string& words) {
  return words.substr(0, words.find('\n'));
}

std::optional<Completed> probe(std::vector<std::string> arguments) {
  SpawnRequest request;
  request.arguments = std::move(arguments);
  request.environment = current_environment();
  auto completed = run_guarded(std::move(request), kProbeTime, kProbeOutput);
  if (!completed || !completed->status.success()) return {};
  return std::move(*completed);
}

HostCheck check_compiler(const std::string& name, bool needed, const std::string& package) {
  const auto remedy = text("apt install ", package);
  if (!find_program(name)) {
    return needed
               ? missing(name, "no C++ compiler of this name in PATH", remedy)
               : optional(name, "not there; for profiles with compiler=\"" + name + "\"", remedy);
  }
  const auto version = probe({name, "--version"});
  if (!version) return missing(name, "does not even tell its version", "reinstall: " + remedy);
  return present(name, first_line(version->output));
}

HostCheck check_linker() {
  const auto version = probe({"ld", "--version"});
  if (!version) return missing("linker", "no working ld in PATH", "apt install binutils");
  return present("linker", first_line(version->output));
}

HostCheck check_queue_vm() {
  const auto program = queue_vm_program();
  if (!program) return missing("mvmq", program.error().message, "scripts/build");
  return present("mvmq", program->string());
}

HostCheck check_schema() {
  const auto schema = model::default_schema();
  if (::access(schema.c_str(), R_OK) != 0) {
    return missing("profile schema", text(schema.string(), " cannot be read"),
                   "install MVM again, or run it from its build tree");
  }
  return present("profile schema", schema.string());
}

HostCheck check_memfd() {
  const UniqueFd fd(::memfd_create("mvm-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) {
    return missing("shared memory", text("memfd_create: ", std::strerror(errno)),
                   "a Linux kernel of 3.17 or later, and a sandbox that allows memfd_create");
  }
  if (::ftruncate(fd.get(), 4096) != 0 || ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK) != 0) {
    return missing("shared memory", text("memory files cannot be sealed: ", std::strerror(errno)),
                   "a kernel or sandbox that allows F_ADD_SEALS");
  }
  return present("shared memory", "sealed memory files (memfd)");
}

HostCheck check_pidfd() {
  const UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  if (!fd) {
    return missing("process descriptors", text("pidfd_open: ", std::strerror(errno)),
                   "a Linux kernel of 5.3 or later");
  }
  return present("process descriptors", "pidfd");
}

HostCheck check_cores() {
  const auto cores = model::usable_cores();
  std::string list;
  for (const auto core : cores) list += text(list.empty() ? "" : ",", core);
  return present(
      "cores", text(cores.size(), " usable of ", ::sysconf(_SC_NPROCESSORS_ONLN), " (", list, ")"));
}

/// Reports a folder that files are written to, by the nearest ancestor that exists.
HostCheck check_folder(const std::string& name, const std::string& variable,
                       const fs::path& folder) {
  std::error_code ignored;
  auto nearest = fs::absolute(folder, ignored);
  while (::access(nearest.c_str(), F_OK) != 0 && errno == ENOENT && nearest.has_relative_path()) {
    nearest = nearest.parent_path();
  }
  const auto elsewhere = "name another folder in " + variable;
  if (::access(nearest.c_str(), W_OK | X_OK) != 0) {
    return missing(name, text(folder.string(), ": ", nearest.string(), " is not writable"),
                   "make it writable, or " + elsewhere);
  }
  struct statvfs space{};
  if (::statvfs(nearest.c_str(), &space) != 0) return present(name, folder.string());
  const Bytes free{space.f_bavail * space.f_frsize};
  if (free < 64_MiB) {
    return missing(name, text(folder.string(), ": only ", to_string(free), " free"),
                   "free some space, or " + elsewhere);
  }
  return present(name, text(folder.string(), " (", to_string(free), " free)"));
}

HostCheck check_shared_memory_size() {
  struct statvfs space{};
  if (::statvfs("/dev/shm", &space) != 0) {
    return present("/dev/shm", "not mounted; MVM does not need it, its memory has no names");
  }
  return present("/dev/shm", text(to_string(Bytes{space.f_bavail * space.f_frsize}), " free of ",
                                  to_string(Bytes{space.f_blocks * space.f_frsize})));
}

HostCheck check_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const auto detail = text(limit.rlim_cur, " open files, at most ", limit.rlim_max);
  if (limit.rlim_max < 4096) {
    return optional("descriptors", detail, "raise it (ulimit -Hn) to run thousands of tasks");
  }
  return present("descriptors", detail);
}

HostCheck check_processes() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NPROC, &limit);
  if (limit.rlim_cur == RLIM_INFINITY) return present("processes", "no limit for this user");
  const auto detail = text("at most ", limit.rlim_cur, " for this user");
  if (limit.rlim_cur < 1024) {
    return optional("processes", detail, "raise it (ulimit -u) to run a thousand tasks");
  }
  return present("processes", detail);
}

/// The libraries of codecs are loaded by tasks, when a queue asks for them.
HostCheck check_codec(queue::CodecKind codec, const queue::CodecLibrary& library) {
  const std::string word(queue::to_string(codec));
  const auto name = "codec " + word;
  const std::array stages{queue::CodecStage{.kind = codec}};
  constexpr std::array<unsigned char, 32> kSecret{1};
  const auto chain = queue::CodecChain::make(stages, kSecret, 0, {});
  const auto path = queue::locate(library);
  if (chain && path) return present(name, *path);
  const auto& why = path ? chain.error() : path.error();
  return optional(
      name,
      text(why.message.substr(0, why.message.find(';')), "; for queues with codec=\"", word, "\""),
      text("apt install ", library.package, ", on every machine that runs such tasks"));
}

HostCheck check_graphviz() {
  if (!find_program("dot")) {
    return optional("graphviz", "not there; 'mvm graph' draws pictures by it",
                    "apt install graphviz");
  }
  const auto version = probe({"dot", "-V"});
  return present("graphviz", version ? first_line(version->errors) : "dot is in PATH");
}

/// Tried in a child, which can give its rights away.
HostCheck check_user_namespaces() {
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(::unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) == 0 ? 0 : 1);
  }
  int status = 0;
  if (child > 0 && ::waitpid(child, &status, 0) == child && status == 0) {
    return present("user namespaces", "can be made; for sandbox machines, in a later version");
  }
  return optional("user namespaces", "cannot be made; for sandbox machines, in a later version",
                  "sysctl kernel.unprivileged_userns_clone=1, or a less strict outer container");
}

HostCheck check_cgroups() {
  std::error_code error;
  if (fs::exists("/sys/fs/cgroup/cgroup.controllers", error)) {
    return present("cgroups", "version 2; for machine limits, in a later version");
  }
  return optional("cgroups", "version 2 is not mounted; for machine limits, in a later version",
                  "boot with systemd.unified_cgroup_hierarchy=1");
}

HostCheck check_kvm() {
  const char* purpose = "for vm machines, in a later version";
  if (::access("/dev/kvm", R_OK | W_OK) == 0)
    return present("kvm", text("the device opens, which proves little yet; ", purpose));
  const bool exists = ::access("/dev/kvm", F_OK) == 0;
  return optional(
      "kvm", text(exists ? "/dev/kvm is not yours; " : "no /dev/kvm; ", purpose),
      exists ? "add yourself to group kvm" : "a host whose processor offers virtualisation to it");
}

HostCheck check_libvirt() {
  const char* purpose = "for container and vm machines, in a later version";
  for (const char* library :
       {"/usr/lib/x86_64-linux-gnu/libvirt.so.0", "/usr/lib/aarch64-linux-gnu/libvirt.so.0",
        "/usr/lib64/libvirt.so.0"}) {
    if (::access(library, R_OK) == 0) return present("libvirt", text(library, "; ", purpose));
  }
  return optional("libvirt", text("not there; ", purpose), "apt install libvirt-daemon");
}

}  // namespace

std::vector<HostCheck> check_host() {
  return {check_queue_vm(),
          check_schema(),
          check_compiler("g++", true, "g++"),
          check_compiler("clang++", false, "clang"),
          check_linker(),
          check_memfd(),
          check_pidfd(),
          check_cores(),
          check_descriptors(),
          check_processes(),
          check_shared_memory_size(),
          check_folder("cache folder", "MVM_CACHE_DIR", cache_folder()),
          check_folder("state folder", "MVM_STATE_DIR", state_folder()),
          check_folder("runtime folder", "MVM_RUNTIME_DIR", runtime_folder()),
          check_codec(queue::CodecKind::kLz4, queue::kLz4Library),
          check_codec(queue::CodecKind::kZstd, queue::kZstdLibrary),
          check_codec(queue::CodecKind::kCrc32c, queue::kCrc32cLibrary),
          check_codec(queue::CodecKind::kAesGcm, queue::kAesGcmLibrary),
          check_graphviz(),
          check_user_namespaces(),
          check_cgroups(),
          check_libvirt(),
          check_kvm()};
}

}  // namespace mvm::cli
