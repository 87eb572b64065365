// SPDX-License-Identifier: Apache-2.0

// A task's own variables come before those of the process.

#include <dlfcn.h>

#include <cstdlib>
#include <string_view>

#include <mvm/types.hpp>

#include "scheduler.hpp"

namespace {

/// The value behind NAME= in the words, or null. Of equal names the last counts.
char* find(const std::vector<std::string>& words, std::string_view name) {
  char* value = nullptr;
  for (const auto& word : words) {
    if (word.size() > name.size() && word[name.size()] == '=' && word.starts_with(name)) {
      value = const_cast<char*>(word.c_str()) + name.size() + 1;
    }
  }
  return value;
}

char* own_value(const char* name) {
  const auto* fiber = mvm::fiber::Scheduler::running();
  return fiber != nullptr ? find(fiber->spec->environment, name) : nullptr;
}

}  // namespace

extern "C" {

MVM_API char* getenv(const char* name) noexcept {
  static const auto real = reinterpret_cast<decltype(&::getenv)>(::dlsym(RTLD_NEXT, "getenv"));
  char* own = own_value(name);
  return own != nullptr ? own : real(name);
}

MVM_API char* secure_getenv(const char* name) noexcept {
  static const auto real =
      reinterpret_cast<decltype(&::secure_getenv)>(::dlsym(RTLD_NEXT, "secure_getenv"));
  char* own = own_value(name);
  return own != nullptr ? own : real(name);
}

}  // extern "C"
