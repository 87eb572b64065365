// SPDX-License-Identifier: Apache-2.0
#include "shared_library.hpp"

#include <dlfcn.h>
#include <link.h>

#include <filesystem>
#include <system_error>

namespace mvm::queue {

Result<SharedLibrary> SharedLibrary::load(const CodecLibrary& library) {
  void* const handle = ::dlopen(library.file, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = ::dlerror();
    return fail(ErrorCode::kCodec, "its library cannot be loaded (",
                reason != nullptr ? reason : library.file, "); install the package ",
                library.package, " on every machine of the group");
  }
  return SharedLibrary(handle, library);
}

std::string SharedLibrary::path() const {
  link_map* map = nullptr;
  if (::dlinfo(handle_, RTLD_DI_LINKMAP, &map) != 0) return library_.file;
  std::error_code error;
  const auto path = std::filesystem::canonical(map->l_name, error);
  return error ? library_.file : path.string();
}

SharedLibrary::Symbol SharedLibrary::find(const char* symbol) {
  void* const found = ::dlsym(handle_, symbol);
  if (found == nullptr && missing_.empty()) missing_ = symbol;
  return {found};
}

Result<void> SharedLibrary::complete() const {
  if (missing_.empty()) return {};
  return fail(ErrorCode::kCodec, library_.file, " has no function ", missing_,
              "; it is not the library of the package ", library_.package);
}

Result<std::string> locate(const CodecLibrary& library) {
  const auto loaded = SharedLibrary::load(library);
  if (!loaded) return fail(loaded.error());
  return loaded->path();
}

}  // namespace mvm::queue
