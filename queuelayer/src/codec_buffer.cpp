// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <utility>

#include <mvm/queuelayer/codec.hpp>

namespace mvm::queue {
namespace {

/// Up to here a buffer is not worth giving back.
constexpr std::size_t kSmall = 1 << 20;
/// A large buffer that so many messages in a row used less than a quarter of is given back. Giving
/// back and taking a page costs about as much as compressing it.
constexpr unsigned kPatience = 64;

}  // namespace

CodecBuffer::CodecBuffer(CodecBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      capacity_(std::exchange(other.capacity_, 0)),
      size_(std::exchange(other.size_, 0)),
      small_uses_(std::exchange(other.small_uses_, 0)) {}

CodecBuffer& CodecBuffer::operator=(CodecBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(capacity_, other.capacity_);
  std::swap(size_, other.size_);
  std::swap(small_uses_, other.small_uses_);
  return *this;
}

CodecBuffer::~CodecBuffer() {
  std::free(data_);
}

Result<std::byte*> CodecBuffer::prepare(std::size_t size) {
  const bool wasteful = capacity_ > kSmall && size < capacity_ / 4;
  small_uses_ = wasteful ? small_uses_ + 1 : 0;
  if (size > capacity_ || small_uses_ > kPatience) {
    std::free(release());
  }
  size_ = 0;
  return resize(size);
}

Result<std::byte*> CodecBuffer::resize(std::size_t size) {
  if (size > capacity_ || data_ == nullptr) {
    // Half as much again, so that a buffer which grows byte by byte is copied a few times only.
    const auto wanted = size_ == 0 ? std::max<std::size_t>(size, 64) : size + size / 2;
    auto* const grown = static_cast<std::byte*>(std::realloc(data_, wanted));
    if (grown == nullptr) {
      return fail(ErrorCode::kLimit, "no memory for a message of ", size, " bytes");
    }
    data_ = grown;
    capacity_ = wanted;
  }
  size_ = size;
  return data_;
}

bool CodecBuffer::holds(ConstBytes bytes) const {
  const std::less<const std::byte*> before;
  return !before(bytes.data(), data_) && before(bytes.data(), data_ + capacity_);
}

std::byte* CodecBuffer::release() {
  capacity_ = 0;
  size_ = 0;
  small_uses_ = 0;
  return std::exchange(data_, nullptr);
}

}  // namespace mvm::queue
