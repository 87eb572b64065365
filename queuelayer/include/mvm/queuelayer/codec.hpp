// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <mvm/base/result.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::queue {

using ConstBytes = std::span<const std::byte>;

/// Memory that codecs write to. It is used again for the next message, and grows to the largest;
/// after one large message among many small ones it becomes small again. Aligned to 16 bytes.
class CodecBuffer {
 public:
  CodecBuffer() = default;
  CodecBuffer(CodecBuffer&& other) noexcept;
  CodecBuffer& operator=(CodecBuffer&& other) noexcept;
  ~CodecBuffer();

  /// Room for `size` bytes; what was there before is gone. Never null. kLimit: no memory.
  [[nodiscard]] Result<std::byte*> prepare(std::size_t size);
  /// The same, but what was there stays, as far as it fits.
  [[nodiscard]] Result<std::byte*> resize(std::size_t size);

  [[nodiscard]] ConstBytes first(std::size_t size) const { return {data_, size}; }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// True when these bytes begin in this buffer.
  [[nodiscard]] bool holds(ConstBytes bytes) const;
  /// The memory, which the caller gives to std::free; null when there was none. The buffer is empty
  /// afterwards.
  [[nodiscard]] std::byte* release();

 private:
  std::byte* data_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
  unsigned small_uses_ = 0;  ///< in a row, of a buffer that is large
};

/// One stage of a queue's encoder and decoder. It knows nothing of other messages: a queue may drop
/// or reorder them. One thread at a time.
class Codec {
 public:
  Codec() = default;
  virtual ~Codec() = default;
  Codec(const Codec&) = delete;
  Codec& operator=(const Codec&) = delete;

  [[nodiscard]] virtual std::string_view name() const = 0;  ///< the profile's word

  /// The longest form of `plain` bytes.
  [[nodiscard]] virtual std::size_t longest(std::size_t plain) const = 0;

  /// The encoded form, written to `space`; valid until that is used again. Errors: kCodec, kLimit.
  [[nodiscard]] virtual Result<ConstBytes> encode(ConstBytes plain, CodecBuffer& space) = 0;

  /// The plain form: the beginning of `space`, or the beginning of `encoded` itself. The bytes may
  /// be hostile: whatever is not an encoded form, or would be longer than `limit`, is an error
  /// (kCodec, kLimit), found before memory is spent on it.
  [[nodiscard]] virtual Result<ConstBytes> decode(ConstBytes encoded, std::size_t limit,
                                                  CodecBuffer& space) = 0;
};

}  // namespace mvm::queue
