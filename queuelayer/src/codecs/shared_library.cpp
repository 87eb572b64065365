// SPDX-License-Identifier: Apache-2.0
#include "shared_library.hpp"

#include <dlfcn.h>

namespace mvm::queue {

Result<SharedLibrary> SharedLibrary::load(const char* file, const char* package) {
  void* const handle = ::dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = ::dlerror();
    return fail(ErrorCode::kCodec, "its library cannot be loaded (",
                reason != nullptr ? reason : file, "); install the package ", package,
                " on every machine of the group");
  }
  return SharedLibrary(handle, file, package);
}

void* SharedLibrary::look_up(const char* symbol) {
  void* const found = ::dlsym(handle_, symbol);
  if (found == nullptr && missing_.empty()) missing_ = symbol;
  return found;
}

Result<void> SharedLibrary::complete() const {
  if (missing_.empty()) return {};
  return fail(ErrorCode::kCodec, file_, " has no function ", missing_,
              "; it is not the library of the package ", package_);
}

}  // namespace mvm::queue
