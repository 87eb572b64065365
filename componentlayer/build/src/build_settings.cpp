// SPDX-License-Identifier: GPL-3.0-or-later
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <mvm/base/file.hpp>
#include <mvm/base/log.hpp>
#include <mvm/build/builder.hpp>

namespace mvm::build {
namespace {

namespace fs = std::filesystem;

/// The folders of the SDK that belong to this program: beside it where both are installed, else
/// those of the tree that it was built from.
void find_sdk(BuildSettings& settings) {
  std::error_code error;
  const auto program = fs::read_symlink("/proc/self/exe", error);
  const auto root = program.parent_path().parent_path();
  settings.sdk_library = root / "lib";
  // Debian's CMake may choose lib/ARCHITECTURE below /usr.
  if (!fs::exists(settings.sdk_library / "libmvm.so", error)) {
    const auto other = root / MVM_INSTALL_LIBDIR;
    if (fs::exists(other / "libmvm.so", error)) settings.sdk_library = other;
  }
  settings.sdk_include = root / "include";
  if (!fs::exists(settings.sdk_include / "mvm" / "job.hpp", error)) {
    settings.sdk_include = MVM_SDK_INCLUDE;
  }
}

}  // namespace

BuildSettings default_build_settings() {
  BuildSettings settings;
  settings.cache = cache_folder() / "build";
  settings.sdk_version = MVM_SDK_VERSION;
  find_sdk(settings);
  if (const char* words = std::getenv("MVM_CACHE_LIMIT")) {
    if (const auto limit = parse_bytes(words)) {
      settings.cache_limit = *limit;
    } else {
      log_warning("MVM_CACHE_LIMIT is ignored: ", limit.error().message);
    }
  }
  return settings;
}

}  // namespace mvm::build
