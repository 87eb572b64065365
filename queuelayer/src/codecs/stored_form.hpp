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

/// kLimit: the message says that it is longer than it may be.
[[nodiscard]] inline std::unexpected<Error> over_limit(std::uint64_t size, std::size_t limit) {
  return fail(ErrorCode::kLimit, "a message of ", size, " bytes is over the limit of ", limit);
}

/// The form of bytes that do not become shorter.
[[nodiscard]] inline Result<ConstBytes> store_as_is(ConstBytes plain, CodecBuffer& space) {
  const auto memory = space.prepare(plain.size() + 1);
  if (!memory) return fail(memory.error());
  if (!plain.empty()) std::memcpy(*memory, plain.data(), plain.size());
  (*memory)[plain.size()] = kStored;
  return space.first(plain.size() + 1);
}

/// What such a form has before its last byte.
struct Unstored {
  ConstBytes bytes;
  bool compressed;  ///< else they are the message
};
/// Errors: kCodec for what no codec made, kLimit for a stored message over the limit.
[[nodiscard]] inline Result<Unstored> read_form(ConstBytes encoded, std::size_t limit) {
  if (encoded.empty()) return fail(ErrorCode::kCodec, "an empty message is not compressed");
  const auto bytes = encoded.first(encoded.size() - 1);
  if (encoded.back() == kCompressed) return Unstored{bytes, true};
  if (encoded.back() != kStored) {
    return fail(ErrorCode::kCodec, "the message is damaged: it does not end as it must");
  }
  if (bytes.size() > limit) return over_limit(bytes.size(), limit);
  return Unstored{bytes, false};
}

}  // namespace mvm::queue
