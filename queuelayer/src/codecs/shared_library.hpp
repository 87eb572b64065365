// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <mvm/base/result.hpp>

namespace mvm::queue {

/// A library that is loaded when it is first needed, because most programs never need it, and
/// stays. Declare what is looked up with the types of the library's own header:
///     struct Functions { decltype(&LZ4_decompress_safe) decompress; };
class SharedLibrary {
 public:
  /// `file` as in "liblz4.so.1": the version is part of the interface that the header promises.
  /// `package` is Debian's, for the error (kCodec) when it is missing.
  [[nodiscard]] static Result<SharedLibrary> load(const char* file, const char* package);

  template <typename Function>
  SharedLibrary& find(const char* symbol, Function& function) {
    function = reinterpret_cast<Function>(look_up(symbol));
    return *this;
  }
  /// kCodec when something was not found.
  [[nodiscard]] Result<void> complete() const;

 private:
  SharedLibrary(void* handle, const char* file, const char* package)
      : handle_(handle), file_(file), package_(package) {}
  void* look_up(const char* symbol);

  void* handle_;
  const char* file_;
  const char* package_;
  std::string missing_;
};

}  // namespace mvm::queue
