// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <span>

#include <mvm/job.hpp>

#include "signature.hpp"

namespace mvm::detail {
namespace {

using queue::ElementType;

constexpr bool kLittleEndian = std::endian::native == std::endian::little;

/// Bytes and numbers of one byte alike.
std::size_t size_of(ElementType type) {
  return std::max<std::size_t>(type.size, 1);
}

std::span<std::byte> bytes_at(void* data, std::size_t size) {
  return {static_cast<std::byte*>(data), size};
}

}  // namespace

Writer::Writer(const std::string& signature) {
  if (signature.size() > std::numeric_limits<std::uint16_t>::max()) {
    throw error("a type whose signature has " + std::to_string(signature.size()) +
                " letters cannot be sent; send it in parts, or specialise mvm::Codec for it");
  }
  bytes_ += static_cast<char>(signature.size() & 0xff);
  bytes_ += static_cast<char>(signature.size() >> 8);
  bytes_ += signature;
}

void Writer::numbers(const void* data, std::size_t count, std::uint32_t tag) {
  const auto type = ElementType::of(tag);
  const auto size = count * size_of(type);
  const auto begin = bytes_.size();
  if (size != 0) bytes_.append(static_cast<const char*>(data), size);
  if (!kLittleEndian) queue::swap_elements(bytes_at(bytes_.data() + begin, size), type);
}

void Writer::count(std::size_t count) {
  if (count > std::numeric_limits<std::uint32_t>::max()) {
    throw error(std::to_string(count) + " elements are too many for a message; send it in parts");
  }
  for (int shift = 0; shift < 32; shift += 8) bytes_ += static_cast<char>(count >> shift & 0xff);
}

void Writer::open_structure() {
  if (++depth_ > kMaxDepth) {
    throw error("structures lie in each other deeper than " + std::to_string(kMaxDepth) +
                " levels; send the nodes as a list that refers to them by number");
  }
}

Reader::Reader(std::string_view bytes, const std::string& wanted, bool may_convert,
               const Block& block)
    : wanted_(wanted), block_(block) {
  const auto parts = signature::split(bytes);
  if (!parts) fail("its signature is cut off");
  if (kind_of(block.type) == Kind::kComposite &&
      (block.type & kTagSize) != hash24(parts->signature)) {
    fail("its signature is not the one that was announced");
  }
  if (parts->signature != wanted) {
    if (!may_convert || !signature::is_convertible(parts->signature, wanted)) {
      throw_mismatch(block, wanted);
    }
    type_ = parts->signature.data();
    type_end_ = type_ + parts->signature.size();
  }
  at_ = parts->values.data();
  end_ = at_ + parts->values.size();
}

void Reader::fail(const char* why) const {
  throw_malformed(block_, wanted_, why);
}

void Reader::need(std::size_t bytes) {
  if (bytes > left()) fail("it ends too early");
}

std::uint32_t Reader::take_number_type(std::uint32_t wanted) {
  if (type_ == nullptr) return wanted;
  // It was compared to the wanted signature letter by letter, so that there is a number.
  const auto number = signature::number_at(type_left());
  type_ += number->length;
  return number->type.tag();
}

void Reader::numbers(void* to, std::size_t count, std::uint32_t tag) {
  const auto wanted = ElementType::of(tag);
  const auto given = ElementType::of(take_number_type(tag));
  if (count > left() / size_of(given)) fail("it ends too early");
  const auto size = count * size_of(given);
  if (size == 0) return;
  // Only 0 and 1 are values of a bool.
  if (wanted.kind == queue::ElementKind::kBoolean &&
      std::any_of(at_, at_ + size, [](char byte) { return byte != 0 && byte != 1; })) {
    fail("a boolean is neither true nor false");
  }
  if (wanted == given) {
    std::memcpy(to, at_, size);
    if (!kLittleEndian) queue::swap_elements(bytes_at(to, size), wanted);
  } else {
    convert(to, size, tag, given.tag());
  }
  at_ += size;
}

void Reader::convert(void* to, std::size_t size, std::uint32_t wanted, std::uint32_t given) {
  std::vector<std::byte> swapped;
  auto from = std::as_bytes(std::span(at_, size));
  if (!kLittleEndian) {
    swapped.assign(from.begin(), from.end());
    queue::swap_elements(swapped, ElementType::of(given));
    from = swapped;
  }
  const auto done = queue::convert_elements(from, ElementType::of(given),
                                            static_cast<std::byte*>(to), ElementType::of(wanted));
  if (!done) fail(done.error().message.c_str());
}

bool Reader::flag() {
  need(1);
  const char byte = *at_++;
  if (byte != 0 && byte != 1) fail("a flag is neither 0 nor 1");
  return byte == 1;
}

std::size_t Reader::count() {
  need(4);
  std::size_t count = 0;
  for (int i = 4; i-- > 0;) count = count << 8 | static_cast<unsigned char>(at_[i]);
  at_ += 4;
  // Every element takes at least one byte.
  if (count > left()) fail("it announces more elements than it has bytes");
  return count;
}

std::size_t Reader::count_numbers(std::uint32_t tag) {
  const auto all = count();
  const auto behind = type_;
  const auto size = size_of(ElementType::of(take_number_type(tag)));
  type_ = behind;
  if (all > left() / size) fail("it announces more elements than it has bytes");
  return all;
}

std::string_view Reader::text() {
  const auto length = count();
  const std::string_view words(at_, length);
  at_ += length;
  if (type_ != nullptr) skip_type();
  return words;
}

void Reader::finish() {
  if (at_ != end_) fail("bytes are left over");
}

void Reader::open() {
  if (type_ == nullptr) return;
  while (*type_ != '(') ++type_;
  ++type_;
}

void Reader::next() {
  if (type_ != nullptr) ++type_;
}

void Reader::close(bool seen) {
  if (type_ == nullptr) return;
  while (*type_ != ')') {
    if (!seen) skip_type();
    if (*type_ == ',') ++type_;
  }
  ++type_;
}

void Reader::skip_type() {
  int nesting = 0;
  do {
    switch (*type_) {
      case '(':
      case '{':
        ++nesting;
        break;
      case ')':
      case '}':
        --nesting;
        break;
      case '.':
        while (*type_ != ' ') ++type_;
        break;
      case 'x':
        while (*type_ != '>') ++type_;
        break;
      case '^':
        while (*type_ != ';') ++type_;
        break;
      case 'i':
      case 'u':
      case 'f':
      case 'z':
        type_ += signature::number_at(type_left())->length - 1;
        break;
      case 'a':
      case 'e':
      case 'm':
      case 'o':
      case 'p':
      case 'v':
        while (type_[1] != '(') ++type_;
        ++type_;
        ++nesting;
        break;
      default:
        break;
    }
    ++type_;
  } while (nesting > 0);
}

void Reader::open_structure(Structure& structure) {
  if (++depth_ > kMaxDepth) fail("structures lie in each other too deep");
  structure = {innermost_, nullptr, innermost_, nullptr};
  if (type_ == nullptr) return;
  if (*type_ == '^') {
    const Structure* meant = innermost_;
    std::size_t outwards = 0;
    for (++type_; *type_ != ';'; ++type_) {
      outwards = outwards * 10 + static_cast<std::size_t>(*type_ - '0');
    }
    for (; outwards > 0; --outwards) meant = meant->around;
    structure.around = meant->around;
    structure.behind = type_ + 1;
    type_ = meant->first_field;
  } else {
    ++type_;
  }
  structure.first_field = type_;
  innermost_ = &structure;
}

void Reader::field() {
  if (type_ == nullptr) return;
  while (*type_ != ' ') ++type_;
  ++type_;
}

void Reader::close_structure(const Structure& structure) {
  --depth_;
  if (type_ == nullptr) return;
  type_ = structure.behind != nullptr ? structure.behind : type_ + 1;
  innermost_ = structure.before;
}

}  // namespace mvm::detail
