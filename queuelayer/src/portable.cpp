// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/portable.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

namespace mvm::queue {
namespace {

constexpr auto kMark = std::byte{'P'};
constexpr auto kVersion = std::byte{1};
constexpr auto kLittle = std::byte{0};
constexpr auto kBig = std::byte{1};
constexpr auto kNativeOrder = std::endian::native == std::endian::little ? kLittle : kBig;

bool is_integer(ElementType type) {
  return type.kind == ElementKind::kSigned || type.kind == ElementKind::kUnsigned;
}

/// What is turned around as one: half of a complex number, else the element.
std::uint32_t unit_size(ElementType type) {
  return type.kind == ElementKind::kComplex ? type.size / 2 : type.size;
}

template <typename Number>
Number load(const std::byte* at) {
  Number number;
  std::memcpy(&number, at, sizeof number);
  return number;
}

template <typename To, typename From>
Result<void> convert_integers(std::span<const std::byte> from, std::byte* to) {
  for (std::size_t i = 0; i < from.size() / sizeof(From); ++i) {
    const auto value = load<From>(from.data() + i * sizeof(From));
    if (!std::in_range<To>(value)) {
      const auto wanted = ElementType{
          std::is_signed_v<To> ? ElementKind::kSigned : ElementKind::kUnsigned, sizeof(To)};
      return fail(ErrorCode::kLimit, "the value ", std::to_string(value), " (element ",
                  std::to_string(i), ") does not fit ", words_of(wanted));
    }
    const auto converted = static_cast<To>(value);
    std::memcpy(to + i * sizeof(To), &converted, sizeof(To));
  }
  return {};
}

/// Calls with a value of the integer type.
template <typename Call>
auto with_integer(ElementType type, Call&& call) {
  const bool is_signed = type.kind == ElementKind::kSigned;
  switch (type.size) {
    case 1:
      return is_signed ? call(std::int8_t{}) : call(std::uint8_t{});
    case 2:
      return is_signed ? call(std::int16_t{}) : call(std::uint16_t{});
    case 4:
      return is_signed ? call(std::int32_t{}) : call(std::uint32_t{});
    default:
      return is_signed ? call(std::int64_t{}) : call(std::uint64_t{});
  }
}

Result<void> widen(std::span<const std::byte> from, std::byte* to) {
  for (std::size_t i = 0; i < from.size() / sizeof(float); ++i) {
    const double wide = load<float>(from.data() + i * sizeof(float));
    std::memcpy(to + i * sizeof(double), &wide, sizeof wide);
  }
  return {};
}

Result<void> narrow(std::span<const std::byte> from, std::byte* to) {
  for (std::size_t i = 0; i < from.size() / sizeof(double); ++i) {
    const auto wide = load<double>(from.data() + i * sizeof(double));
    const auto narrow = static_cast<float>(wide);
    if (std::isinf(narrow) && !std::isinf(wide)) {
      return fail(ErrorCode::kLimit, "the value ", std::to_string(wide), " (element ",
                  std::to_string(i), ") does not fit float");
    }
    std::memcpy(to + i * sizeof(float), &narrow, sizeof narrow);
  }
  return {};
}

}  // namespace

bool ElementType::is_number() const {
  switch (kind) {
    case ElementKind::kSigned:
    case ElementKind::kUnsigned:
      return size == 1 || size == 2 || size == 4 || size == 8;
    case ElementKind::kFloating:
      return size == 4 || size == 8;
    case ElementKind::kComplex:
      return size == 8 || size == 16;
    case ElementKind::kBoolean:
    case ElementKind::kCharacter:
      return size == 1;
    default:
      return false;
  }
}

std::string words_of(ElementType type) {
  const auto with_bits = [&](const char* word) { return word + std::to_string(type.size * 8); };
  const auto of_size = [&](const char* words) {
    return std::string(words) + " of " + std::to_string(type.size) + " bytes";
  };
  switch (type.kind) {
    case ElementKind::kBytes:
      return "bytes";
    case ElementKind::kSigned:
      return with_bits("int");
    case ElementKind::kUnsigned:
      return with_bits("uint");
    case ElementKind::kFloating:
      if (!type.is_number()) return of_size("floating point");
      return type.size == 4 ? "float" : "double";
    case ElementKind::kBoolean:
      return "bool";
    case ElementKind::kCharacter:
      return "char";
    case ElementKind::kStructure:
      return of_size("structures");
    case ElementKind::kComposite:
      return "a composite";
    case ElementKind::kComplex:
      return type.size == 8 ? "complex float" : "complex double";
    case ElementKind::kOwn:
      return "a type with a codec of its own";
  }
  return "values of an unknown kind";
}

void swap_elements(std::span<std::byte> elements, ElementType type) {
  const auto size = unit_size(type);
  if (size < 2) return;
  for (auto at = elements.begin(); at != elements.end(); at += size) std::reverse(at, at + size);
}

Result<void> to_portable(std::span<const std::byte> native, std::uint32_t tag,
                         std::vector<std::byte>& out) {
  const auto type = ElementType::of(tag);
  if (type.kind == ElementKind::kStructure) {
    return fail(ErrorCode::kUsage, words_of(type),
                " have no portable form, because nothing says what is in them; list the members in "
                "the structure, as in MVM_FIELDS(id, name, values), or take codec=\"portable\" "
                "from the queue");
  }
  const bool is_opaque = type.kind == ElementKind::kBytes || type.kind == ElementKind::kComposite ||
                         type.kind == ElementKind::kOwn;
  if (!is_opaque && !type.is_number()) {
    return fail(ErrorCode::kUsage, words_of(type),
                " have no portable form, because their bytes mean something else on other "
                "machines; send double or a 64-bit integer");
  }
  if (type.is_number() && native.size() % type.size != 0) {
    return fail(ErrorCode::kProtocol, "a message of ", std::to_string(native.size()),
                " bytes is not made of whole elements of ", words_of(type));
  }
  out.clear();
  out.reserve(kPortableHeader + native.size());
  out = {kMark, kVersion, kNativeOrder, std::byte{0}};
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<std::byte>(tag >> shift));
  out.insert(out.end(), native.begin(), native.end());
  return {};
}

Result<NativeMessage> from_portable(std::span<const std::byte> portable,
                                    std::vector<std::byte>& swapped) {
  if (portable.size() < kPortableHeader || portable[0] != kMark || portable[1] != kVersion ||
      portable[3] != std::byte{0} || (portable[2] != kLittle && portable[2] != kBig)) {
    return fail(ErrorCode::kProtocol, "the message is not in the portable form");
  }
  std::uint32_t tag = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    tag |= std::to_integer<std::uint32_t>(portable[4 + i]) << (8 * i);
  }
  const auto type = ElementType::of(tag);
  const auto elements = portable.subspan(kPortableHeader);
  const bool is_opaque =
      tag == 0 || type.kind == ElementKind::kComposite || type.kind == ElementKind::kOwn;
  if (is_opaque) return NativeMessage{elements, tag};
  if (!type.is_number() || elements.size() % type.size != 0) {
    return fail(ErrorCode::kProtocol, "the portable message says ", std::to_string(elements.size()),
                " bytes of ", words_of(type), ", which cannot be");
  }
  if (portable[2] == kNativeOrder || unit_size(type) == 1) return NativeMessage{elements, tag};
  swapped.assign(elements.begin(), elements.end());
  swap_elements(swapped, type);
  return NativeMessage{swapped, tag};
}

bool is_convertible(ElementType from, ElementType to) {
  if (from == to) return from.is_number();
  if (!from.is_number() || !to.is_number()) return false;
  return (is_integer(from) && is_integer(to)) ||
         (from.kind == to.kind &&
          (from.kind == ElementKind::kFloating || from.kind == ElementKind::kComplex));
}

Result<void> convert_elements(std::span<const std::byte> from, ElementType from_type, std::byte* to,
                              ElementType to_type) {
  if (from_type == to_type) {
    if (!from.empty()) std::memcpy(to, from.data(), from.size());
    return {};
  }
  if (!is_integer(from_type)) {
    return unit_size(from_type) == sizeof(float) ? widen(from, to) : narrow(from, to);
  }
  return with_integer(to_type, [&](auto wanted) {
    return with_integer(from_type, [&](auto given) {
      return convert_integers<decltype(wanted), decltype(given)>(from, to);
    });
  });
}

}  // namespace mvm::queue
