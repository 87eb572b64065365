// SPDX-License-Identifier: Apache-2.0
#include <mvm/base/file.hpp>

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>

#include <mvm/base/unique_fd.hpp>

namespace mvm {
namespace {

std::filesystem::path environment_path(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::filesystem::path() : std::filesystem::path(value);
}

/// Nobody else can have made it, as they could in /tmp.
std::filesystem::path home_folder() {
  if (auto home = environment_path("HOME"); home.is_absolute()) return home;
  std::array<char, 4096> strings;
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(::getuid(), &entry, strings.data(), strings.size(), &found);
  const std::filesystem::path home = found != nullptr ? entry.pw_dir : "";
  return home.is_absolute() ? home : "/nonexistent";
}

/// One of the XDG folders: our own override, the XDG variable, then the default below HOME.
std::filesystem::path user_folder(const char* own, const char* xdg, const char* below_home) {
  if (auto path = environment_path(own); !path.empty()) return path;
  // The XDG specification tells to ignore relative paths.
  if (auto path = environment_path(xdg); path.is_absolute()) return path / "mvm";
  return home_folder() / below_home / "mvm";
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, Bytes limit) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return fail_system("open ", path.string());
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail_system("stat ", path.string());
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorCode::kSystem, path.string(), " is not a regular file");
  }
  if (static_cast<std::uint64_t>(status.st_size) > limit.count) {
    return fail(ErrorCode::kLimit, path.string(), " is larger than ", to_string(limit));
  }
  std::string content(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t filled = 0;
  while (filled < content.size()) {
    const auto got = ::read(fd.get(), content.data() + filled, content.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_system("read ", path.string());
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  content.resize(filled);
  return content;
}

Result<void> write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const auto written = ::write(fd, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_system("write");
    data.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  // Two threads that write one file need two names as much as two processes do.
  static std::atomic<unsigned> writes = 0;
  auto temporary = path;
  temporary += text(".tmp.", ::getpid(), '.', writes++);
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!fd) return fail_system("create ", temporary.string());
  auto written = write_all(fd.get(), content);
  fd.reset();
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) {
    written = fail_system("rename to ", path.string());
  }
  if (!written) {
    ::unlink(temporary.c_str());
    return fail(written.error().code, path.string(), ": ", written.error().message);
  }
  return {};
}

Result<void> make_folder(const std::filesystem::path& path, bool private_to_user) {
  std::error_code error;
  if (private_to_user) {
    if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
      return fail_system("create folder ", path.string());
    }
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) return fail_system("stat ", path.string());
    if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 077) != 0) {
      return fail(ErrorCode::kPermission, path.string(),
                  " must be a folder of yours with mode 0700; remove or repair it");
    }
    return {};
  }
  std::filesystem::create_directories(path, error);
  if (error) {
    return fail(ErrorCode::kSystem, "create folder ", path.string(), ": ", error.message());
  }
  return {};
}

std::filesystem::path cache_folder() {
  return user_folder("MVM_CACHE_DIR", "XDG_CACHE_HOME", ".cache");
}

std::filesystem::path state_folder() {
  return user_folder("MVM_STATE_DIR", "XDG_STATE_HOME", ".local/state");
}

std::filesystem::path data_folder() {
  return user_folder("MVM_DATA_DIR", "XDG_DATA_HOME", ".local/share");
}

std::filesystem::path runtime_folder() {
  if (auto path = environment_path("MVM_RUNTIME_DIR"); !path.empty()) return path;
  if (auto path = environment_path("XDG_RUNTIME_DIR"); path.is_absolute()) return path / "mvm";
  std::error_code error;
  const std::filesystem::path run_user = text("/run/user/", ::getuid());
  if (std::filesystem::is_directory(run_user, error)) return run_user / "mvm";
  return text("/tmp/mvm-", ::getuid());
}

}  // namespace mvm
