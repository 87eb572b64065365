// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <mvm/base/result.hpp>
#include <mvm/queuelayer/codec_library.hpp>

namespace mvm::queue {

/// A library that is loaded when it is first needed, because most programs never need it, and
/// stays. Declare what is looked up with the types of the library's own header:
///     struct Functions { decltype(&LZ4_decompress_safe) decompress; };
class SharedLibrary {
 public:
  /// kCodec, with the package that has it, when it cannot be loaded.
  [[nodiscard]] static Result<SharedLibrary> load(const CodecLibrary& library);

  /// Of the file that it was found in, all symbolic links followed.
  [[nodiscard]] std::string path() const;

  template <typename Function>
  SharedLibrary& find(const char* symbol, Function& function) {
    function = reinterpret_cast<Function>(look_up(symbol));
    return *this;
  }
  /// kCodec when something was not found.
  [[nodiscard]] Result<void> complete() const;

 private:
  SharedLibrary(void* handle, const CodecLibrary& library) : handle_(handle), library_(library) {}
  void* look_up(const char* symbol);

  void* handle_;
  CodecLibrary library_;
  std::string missing_;
};

}  // namespace mvm::queue
