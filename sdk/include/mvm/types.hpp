// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What can be sent. <mvm/job.hpp> includes this; docs/types.md has the table and the bytes.
///
/// - A plain value (number, enumeration, trivially copyable structure), a sequence of plain values,
///   and a string travel as they lie in memory, with a tag that says what they are.
/// - Everything that is put together of other things (pair, tuple, optional, map, set, a vector of
///   strings, your own structure with MVM_FIELDS, in any nesting) is a *composite*. It travels in
///   the portable form of <mvm/composite.hpp>.
/// - A type with an `mvm::Codec` of its own travels as that says, also inside of composites.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#define MVM_API __attribute__((visibility("default")))

namespace mvm {

/// A misuse of MVM or a failure of its surroundings. The message names task, port and remedy.
class MVM_API error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// How a type of your own travels, when you want to say it byte by byte. Specialise it with two
/// static functions:
///     static std::string encode(const T& value);
///     static T decode(std::string_view bytes);   // throws mvm::error on bytes that are not a T
/// and, if you like, `static constexpr const char* name = "Patch";`, by which a receiver of another
/// type is told apart. Where it suffices, MVM_FIELDS is less work.
template <typename T>
struct Codec;

/// Lists the members of a structure that travel, in the public part of its definition:
///     struct Row {
///       int id;
///       std::string name;
///       std::vector<double> values;
///       MVM_FIELDS(id, name, values);
///     };
/// The names travel with the type: sender and receiver may call the structure differently, but not
/// its members. A member may be of any type that can be sent, and may contain the structure again
/// (std::vector<Row> in Row), up to a depth of 128. Not for structures local to a function, nor for
/// bit-fields; a structure that derives from another lists the inherited members too.
#define MVM_FIELDS(...)                                       \
  static const char* mvm_field_names() {                      \
    return #__VA_ARGS__;                                      \
  }                                                           \
  template <typename MvmVisitor>                              \
  decltype(auto) mvm_fields(MvmVisitor&& mvm_visitor) {       \
    return mvm_visitor(__VA_ARGS__);                          \
  }                                                           \
  template <typename MvmVisitor>                              \
  decltype(auto) mvm_fields(MvmVisitor&& mvm_visitor) const { \
    return mvm_visitor(__VA_ARGS__);                          \
  }                                                           \
  void mvm_fields_are_of_this_type() const

namespace detail {

// What kind of type one is.

template <typename T>
using bare_t = std::remove_cv_t<std::remove_reference_t<T>>;

template <typename T, typename = void>
struct has_codec : std::false_type {};
template <typename T>
struct has_codec<T, std::void_t<decltype(Codec<T>::encode(std::declval<const T&>()))>>
    : std::true_type {};

template <typename T, typename = void>
struct codec_name {
  static constexpr const char* value = "";
};
template <typename T>
struct codec_name<T, std::void_t<decltype(Codec<T>::name)>> {
  static constexpr const char* value = Codec<T>::name;
};

/// MVM_FIELDS stands in T itself: what a base class lists would be only a part of it.
template <typename T, typename = void>
struct has_fields : std::false_type {};
template <typename T>
struct has_fields<T, std::void_t<decltype(&T::mvm_fields_are_of_this_type)>>
    : std::is_same<decltype(&T::mvm_fields_are_of_this_type), void (T::*)() const> {};

/// std::complex, without its header.
template <typename T, typename = void>
struct is_complex : std::false_type {};
template <typename T>
struct is_complex<T, std::void_t<typename T::value_type, decltype(std::declval<const T&>().real()),
                                 decltype(std::declval<const T&>().imag())>>
    : std::bool_constant<std::is_trivially_copyable_v<T> &&
                         (std::is_same_v<typename T::value_type, float> ||
                          std::is_same_v<typename T::value_type, double>) &&
                         sizeof(T) == 2 * sizeof(typename T::value_type)> {};

template <typename T>
struct is_optional : std::false_type {};
template <typename T>
struct is_optional<std::optional<T>> : std::true_type {};

template <typename T, typename = void>
struct has_tuple_size : std::false_type {};
template <typename T>
struct has_tuple_size<T, std::void_t<decltype(std::tuple_size<T>::value)>> : std::true_type {};

/// Contiguous: vector, array, span, string, string_view, Loan.
template <typename T, typename = void>
struct is_contiguous : std::false_type {};
template <typename T>
struct is_contiguous<T, std::void_t<decltype(*std::declval<const T&>().data()),
                                    decltype(std::declval<const T&>().size())>> : std::true_type {};

template <typename T>
using element_t =
    std::remove_cv_t<std::remove_pointer_t<decltype(std::declval<const T&>().data())>>;

/// What iteration over a T gives.
template <typename T, typename = void>
struct item {
  using type = void;
};
template <typename T>
struct item<T, std::void_t<decltype(*std::declval<const T&>().begin()),
                           decltype(std::declval<const T&>().end())>> {
  using type = bare_t<decltype(*std::declval<const T&>().begin())>;
};
template <typename T>
using item_t = typename item<T>::type;

template <typename T, typename = void>
struct can_push_back : std::false_type {};
template <typename T>
struct can_push_back<
    T, std::void_t<decltype(std::declval<T&>().push_back(std::declval<typename T::value_type>()))>>
    : std::true_type {};

template <typename T, typename = void>
struct can_reserve : std::false_type {};
template <typename T>
struct can_reserve<T, std::void_t<decltype(std::declval<T&>().reserve(std::size_t{}))>>
    : std::true_type {};

template <typename T, typename = void>
struct has_key : std::false_type {};
template <typename T>
struct has_key<T, std::void_t<typename T::key_type>> : std::true_type {};
template <typename T, typename = void>
struct has_mapped : std::false_type {};
template <typename T>
struct has_mapped<T, std::void_t<typename T::mapped_type>> : std::true_type {};

enum class Shape {
  kOwn,       ///< mvm::Codec
  kFields,    ///< MVM_FIELDS
  kNumber,    ///< number, enumeration, boolean, character, byte, complex number
  kText,      ///< string, string_view, const char*
  kOptional,  ///< std::optional
  kArray,     ///< of fixed length
  kTuple,     ///< pair and tuple
  kMap,
  kSet,
  kList,  ///< any other sequence
  kOther  ///< known by its memory alone
};

template <typename T>
constexpr Shape shape_of() {
  if constexpr (has_codec<T>::value) {
    return Shape::kOwn;
  } else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
    return sizeof(T) <= 8 ? Shape::kNumber : Shape::kOther;  // else long double, __int128
  } else if constexpr (std::is_array_v<T>) {
    return Shape::kArray;
  } else if constexpr (has_fields<T>::value) {
    return Shape::kFields;
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return Shape::kText;
  } else if constexpr (!std::is_class_v<T>) {
    return Shape::kOther;
  } else if constexpr (is_complex<T>::value) {
    return Shape::kNumber;
  } else if constexpr (is_optional<T>::value) {
    return Shape::kOptional;
  } else if constexpr (has_tuple_size<T>::value) {
    return is_contiguous<T>::value ? Shape::kArray : Shape::kTuple;
  } else if constexpr (std::is_void_v<item_t<T>> || std::is_same_v<item_t<T>, T>) {
    return is_contiguous<T>::value ? Shape::kList : Shape::kOther;
  } else if constexpr (has_key<T>::value) {
    return has_mapped<T>::value ? Shape::kMap : Shape::kSet;
  } else {
    return can_push_back<T>::value || is_contiguous<T>::value ? Shape::kList : Shape::kOther;
  }
}

/// What an array is made of in the end: int of std::array<int[2], 3>.
template <typename T, Shape = shape_of<T>()>
struct leaf {
  using type = T;
};
template <typename T, std::size_t N>
struct leaf<T[N], Shape::kArray> : leaf<std::remove_cv_t<T>> {};
template <typename T>
struct leaf<T, Shape::kArray> : leaf<element_t<T>> {};
template <typename T>
using leaf_t = typename leaf<std::remove_cv_t<T>>::type;

template <typename T>
constexpr std::size_t array_length() {
  if constexpr (std::is_array_v<T>) {
    return std::extent_v<T>;
  } else {
    return std::tuple_size<T>::value;
  }
}
template <typename T>
using array_item_t = bare_t<decltype(*std::begin(std::declval<T&>()))>;

/// Travels as it lies in memory.
template <typename T>
constexpr bool is_plain() {
  if constexpr (std::is_trivially_copyable_v<T> && !std::is_pointer_v<leaf_t<T>> &&
                !std::is_member_pointer_v<leaf_t<T>>) {
    constexpr auto shape = shape_of<leaf_t<T>>();
    return shape == Shape::kNumber || shape == Shape::kOther;
  } else {
    return false;
  }
}

/// A contiguous range of plain values.
template <typename T>
constexpr bool is_range() {
  if constexpr (has_codec<T>::value || has_fields<T>::value || !is_contiguous<T>::value) {
    return false;
  } else {
    return is_plain<element_t<T>>();
  }
}

/// A sequence of plain values that do not lie side by side: list, deque, vector<bool>.
template <typename T>
constexpr bool is_scattered() {
  if constexpr (shape_of<T>() != Shape::kList || is_contiguous<T>::value) {
    return false;
  } else {
    return is_plain<item_t<T>>();
  }
}

/// Travels in the portable form.
template <typename T>
constexpr bool is_composite() {
  constexpr auto shape = shape_of<T>();
  return shape != Shape::kOwn && shape != Shape::kText && !is_plain<T>() && !is_range<T>() &&
         !is_scattered<T>() && shape != Shape::kOther;
}

// Type tags: 30 bits that travel beside every message, so that a receiver notices a sender of
// another type. The upper six are the kind; below are the size of an element, or 24 bits of a hash.

inline constexpr std::uint32_t kTagShift = 24;
inline constexpr std::uint32_t kTagSize = (1u << kTagShift) - 1;
enum class Kind : std::uint32_t {
  kBytes = 0,  ///< fits anything
  kSigned = 1,
  kUnsigned = 2,
  kFloating = 3,
  kBoolean = 4,
  kCharacter = 5,
  kStructure = 6,
  kComposite = 7,  ///< with a hash of the signature
  kComplex = 8,
  kOwn = 9,  ///< with a hash of the codec's name; 0 when it has none
};
constexpr std::uint32_t make_tag(Kind kind, std::size_t size) {
  return static_cast<std::uint32_t>(kind) << kTagShift |
         (static_cast<std::uint32_t>(size) & kTagSize);
}
constexpr Kind kind_of(std::uint32_t tag) {
  return static_cast<Kind>(tag >> kTagShift);
}
/// FNV-1a, folded to 24 bits. Never 0 for words that are not empty.
constexpr std::uint32_t hash24(std::string_view words) {
  if (words.empty()) return 0;
  std::uint32_t hash = 0x811c9dc5;
  for (const char letter : words) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x01000193u;
  hash = (hash >> kTagShift) ^ (hash & kTagSize);
  return hash == 0 ? 1 : hash;
}

/// The tag of plain values of this type; of an array, of its elements.
template <typename T>
constexpr std::uint32_t type_tag() {
  using U = leaf_t<T>;
  if constexpr (std::is_same_v<U, std::byte> || std::is_same_v<U, unsigned char>) {
    return make_tag(Kind::kBytes, 0);
  } else if constexpr (std::is_enum_v<U>) {
    return type_tag<std::underlying_type_t<U>>();
  } else if constexpr (std::is_same_v<U, bool>) {
    return make_tag(Kind::kBoolean, sizeof(U));
  } else if constexpr (std::is_same_v<U, char>) {
    return make_tag(Kind::kCharacter, sizeof(U));
  } else if constexpr (std::is_floating_point_v<U>) {
    return make_tag(Kind::kFloating, sizeof(U));
  } else if constexpr (std::is_integral_v<U>) {
    return make_tag(std::is_signed_v<U> ? Kind::kSigned : Kind::kUnsigned, sizeof(U));
  } else if constexpr (is_complex<U>::value) {
    return make_tag(Kind::kComplex, sizeof(U));
  } else {
    return make_tag(Kind::kStructure, sizeof(U));
  }
}
/// Of a type with a codec.
template <typename T>
constexpr std::uint32_t own_tag() {
  return make_tag(Kind::kOwn, hash24(codec_name<T>::value));
}

}  // namespace detail
}  // namespace mvm
