// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstring>

#include <mvm/queuelayer/codec.hpp>

namespace mvm::queue {

/// The last byte of what a compressing codec makes says how the rest is to be read. It stands at
/// the end, so that bytes which are stored as they are keep their alignment where they lie.
inline constexpr std::byte kStored{0};
inline constexpr std::byte kCompressed{1};

/// The form of bytes that do not become shorter.
[[nodiscard]] inline Result<ConstBytes> store_as_is(ConstBytes plain, CodecBuffer& space) {
  const auto memory = space.prepare(plain.size() + 1);
  if (!memory) return fail(memory.error());
  if (!plain.empty()) std::memcpy(*memory, plain.data(), plain.size());
  (*memory)[plain.size()] = kStored;
  return space.first(plain.size() + 1);
}

/// kLimit: the message says that it is longer than it may be.
[[nodiscard]] inline std::unexpected<Error> over_limit(std::uint64_t size, std::size_t limit) {
  return fail(ErrorCode::kLimit, "a message of ", size, " bytes is over the limit of ", limit);
}

}  // namespace mvm::queue
