// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Values of any type that can be sent, as the bytes that travel, and back.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include <mvm/composite.hpp>
#include <mvm/types.hpp>

namespace mvm::detail {

/// One value as bytes.
struct Given {
  const void* data = nullptr;
  std::size_t size = 0;
};
/// What a value of this type is, for receivers and members of a team to compare.
template <typename T>
std::uint32_t value_tag() {
  if constexpr (has_codec<T>::value) {
    return own_tag<T>();
  } else if constexpr (is_composite<T>()) {
    return composite_tag<T>();
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return type_tag<char>();
  } else if constexpr (is_range<T>()) {
    return type_tag<element_t<T>>();
  } else if constexpr (is_scattered<T>()) {
    return type_tag<item_t<T>>();
  } else {
    static_assert(is_plain<T>(),
                  "give a trivially copyable value, a sequence, a string, a standard container, "
                  "a structure with MVM_FIELDS, or specialise mvm::Codec for the type");
    return type_tag<T>();
  }
}

/// Its bytes have to be made; every other value travels from where it lies.
template <typename T>
constexpr bool is_made() {
  if constexpr (has_codec<T>::value || is_composite<T>()) {
    return true;
  } else {
    return !std::is_convertible_v<const T&, std::string_view> && is_scattered<T>();
  }
}

template <typename T>
std::string make_bytes(const T& value) {
  if constexpr (has_codec<T>::value) {
    return Codec<T>::encode(value);
  } else if constexpr (is_composite<T>()) {
    return pack(value);
  } else {
    std::string made;
    for (const item_t<T> each : value) {
      made.append(reinterpret_cast<const char*>(&each), sizeof each);
    }
    return made;
  }
}

template <typename T>
Given bytes_in_place(const T& value) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    const std::string_view words = value;
    return {words.data(), words.size()};
  } else if constexpr (is_range<T>()) {
    return {value.data(), value.size() * sizeof(element_t<T>)};
  } else {
    return {&value, sizeof value};
  }
}

/// A value as bytes; `made` holds them where they have to be made.
template <typename T>
Given as_given(const T& value, std::string& made) {
  if constexpr (is_made<T>()) {
    made = make_bytes(value);
    return {made.data(), made.size()};
  } else {
    return bytes_in_place(value);
  }
}

/// The value that such bytes are. False when there are too many or too few.
template <typename T>
bool from_given(T& value, Given given) {
  const auto* bytes = static_cast<const char*>(given.data);
  if constexpr (has_codec<T>::value) {
    value = Codec<T>::decode(std::string_view(bytes, given.size));
  } else if constexpr (is_composite<T>()) {
    value = unpack<T>(std::string_view(bytes, given.size), false, Block());
  } else if constexpr (is_plain<T>()) {
    if (given.size != sizeof(T)) return false;
    __builtin_memcpy(&value, bytes, sizeof(T));
  } else {
    using Item = item_t<T>;
    if (given.size % sizeof(Item) != 0) return false;
    if constexpr (is_range<T>()) {
      value.resize(given.size / sizeof(Item));
      if (given.size > 0) __builtin_memcpy(value.data(), bytes, given.size);
    } else {
      value.clear();
      for (std::size_t at = 0; at < given.size; at += sizeof(Item)) {
        Item item;
        __builtin_memcpy(&item, bytes + at, sizeof item);
        value.push_back(item);
      }
    }
  }
  return true;
}

}  // namespace mvm::detail
