// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <mvm/base/result.hpp>

namespace mvm::queue {

/// A shared library that a codec loads when a queue asks for it.
struct CodecLibrary {
  const char* file;     ///< the version is part of the interface that the library's header promises
  const char* package;  ///< Debian's
};
inline constexpr CodecLibrary kLz4Library{"liblz4.so.1", "liblz4-1"};
inline constexpr CodecLibrary kZstdLibrary{"libzstd.so.1", "libzstd1"};
inline constexpr CodecLibrary kCrc32cLibrary{"libisal.so.2", "libisal2"};
inline constexpr CodecLibrary kAesGcmLibrary{"libcrypto.so.3", "libssl3"};

/// Loads the library, as the codec would, and tells the path of the file that it was found in.
/// kCodec when it cannot be loaded.
[[nodiscard]] Result<std::string> locate(const CodecLibrary& library);

}  // namespace mvm::queue
