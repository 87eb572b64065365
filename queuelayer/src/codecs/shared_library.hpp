// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <type_traits>
#include <utility>

#include <mvm/base/result.hpp>
#include <mvm/queuelayer/codec_library.hpp>

namespace mvm::queue {

/// A library that is loaded when it is first needed, because most programs never need it, and
/// stays.
class SharedLibrary {
 public:
  /// kCodec, with the package that has it, when it cannot be loaded.
  [[nodiscard]] static Result<SharedLibrary> load(const CodecLibrary& library);

  /// Of the file that it was found in, all symbolic links followed.
  [[nodiscard]] std::string path() const;

  /// Becomes a pointer to whatever function it is assigned to; null when it was not found.
  struct Symbol {
    void* address;
    template <typename Function>
      requires std::is_function_v<Function>
    operator Function*() const {  // NOLINT: the types of its users are the library's own
      return reinterpret_cast<Function*>(address);
    }
  };
  [[nodiscard]] Symbol find(const char* symbol);
  /// kCodec when something was not found.
  [[nodiscard]] Result<void> complete() const;

 private:
  SharedLibrary(void* handle, const CodecLibrary& library) : handle_(handle), library_(library) {}

  void* handle_;
  CodecLibrary library_;
  std::string missing_;
};

/// Loads a library and all that is wanted of it:
///     struct Functions {
///       SharedLibrary library;
///       decltype(&LZ4_decompress_safe) decompress = library.find("LZ4_decompress_safe");
///     };
/// Errors: kCodec, as above.
template <typename Functions>
[[nodiscard]] Result<Functions> load_functions(const CodecLibrary& which) {
  auto library = SharedLibrary::load(which);
  if (!library) return fail(library.error());
  Functions functions{*std::move(library)};
  if (auto complete = functions.library.complete(); !complete) return fail(complete.error());
  return functions;
}

}  // namespace mvm::queue
