// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The portable form of composites: a signature, which says in letters what they are made of, and
/// then their values, little endian, without padding. docs/types.md shows it byte by byte. Job
/// programmers need nothing of this header; <mvm/job.hpp> includes it.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <mvm/types.hpp>

namespace mvm {

class Port;

namespace detail {

/// A message or a loan as the library sees it. Plain, so that the library's border is stable.
struct Block {
  void* data = nullptr;
  std::size_t size = 0;
  Port* port = nullptr;
  std::uint64_t cookie = 0;  ///< the library's own
  void* owner = nullptr;     ///< the library's own
  std::uint32_t type = 0;
  std::uint32_t priority = 0;
  const void* channel = nullptr;  ///< the library's own: the channel that it came by
  bool late = false;              ///< its deadline had passed when it was taken
  bool portable = false;          ///< went through the portable codec: type sizes may be converted
};

// The signature of a composite.

/// A signature in the making.
class MVM_API Signature {
 public:
  void put(const char* letters) { text_ += letters; }
  void put_number(std::uint32_t tag);
  void put_own(const char* codec);
  void put_length(std::size_t length);
  /// Begins a structure. False when it is inside of itself: then it was referred to instead.
  bool open_structure(const void* type_id, const char* names);
  void put_field_name();  ///< of the next field of the innermost structure
  void close_structure();
  std::string take() { return std::move(text_); }

 private:
  struct Structure {
    const void* type_id;
    const char* names;  ///< the rest
  };
  std::string text_;
  std::vector<Structure> open_;
};

/// Its address is unique to the type.
template <typename T>
inline char type_id = 0;

template <typename T>
void sign(Signature& out);

struct SignFields {
  Signature& out;
  template <typename... Members>
  void operator()(const Members*...) const {
    ((out.put_field_name(), sign<Members>(out)), ...);
  }
};
/// Gives null pointers of the members' types, so that no value is needed to look at them.
struct MemberTypes {
  template <typename... Members>
  struct List {
    static void visit(const SignFields& visitor) {
      visitor(static_cast<const Members*>(nullptr)...);
    }
  };
  template <typename... Members>
  List<Members...> operator()(const Members&...) const {
    return {};
  }
};

template <typename T, std::size_t... I>
void sign_elements(Signature& out, std::index_sequence<I...>) {
  ((out.put(I == 0 ? "" : ","), sign<bare_t<std::tuple_element_t<I, T>>>(out)), ...);
}

template <typename T>
void sign(Signature& out) {
  constexpr auto shape = shape_of<T>();
  static_assert(shape != Shape::kOther,
                "this type has no portable form: list the members of a structure with "
                "MVM_FIELDS(a, b, c), or specialise mvm::Codec for the type");
  if constexpr (shape == Shape::kOwn) {
    out.put_own(codec_name<T>::value);
  } else if constexpr (shape == Shape::kFields) {
    if (!out.open_structure(&type_id<T>, T::mvm_field_names())) return;
    decltype(std::declval<const T&>().mvm_fields(MemberTypes()))::visit(SignFields{out});
    out.close_structure();
  } else if constexpr (shape == Shape::kNumber) {
    out.put_number(type_tag<T>());
  } else if constexpr (shape == Shape::kText) {
    out.put("s");
  } else {
    if constexpr (shape == Shape::kOptional) {
      out.put("o(");
      sign<bare_t<typename T::value_type>>(out);
    } else if constexpr (shape == Shape::kArray) {
      out.put_length(array_length<T>());
      sign<array_item_t<T>>(out);
    } else if constexpr (shape == Shape::kTuple) {
      out.put("p(");
      sign_elements<T>(out, std::make_index_sequence<std::tuple_size_v<T>>());
    } else if constexpr (shape == Shape::kMap) {
      out.put("m(");
      sign<typename T::key_type>(out);
      out.put(",");
      sign<typename T::mapped_type>(out);
    } else {
      out.put(shape == Shape::kSet ? "e(" : "v(");
      sign<item_t<T>>(out);
    }
    out.put(")");
  }
}

template <typename T>
const std::string& signature_of() {
  static const std::string signature = [] {
    Signature making;
    sign<T>(making);
    return making.take();
  }();
  return signature;
}

// Writing.

/// How deep structures may lie inside each other.
inline constexpr std::uint32_t kMaxDepth = 128;

/// Appends the parts of a composite.
class MVM_API Writer {
 public:
  /// Begins with the signature.
  explicit Writer(const std::string& signature);
  /// Values without a signature in front.
  Writer() = default;

  void numbers(const void* data, std::size_t count, std::uint32_t tag);
  void flag(bool value) { bytes_ += value ? '\1' : '\0'; }
  void count(std::size_t count);  ///< throws `error` above 2^32 - 1
  void text(std::string_view words) {
    count(words.size());
    bytes_.append(words.data(), words.size());
  }
  void open_structure();  ///< throws `error` below kMaxDepth
  void close_structure() { --depth_; }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  std::uint32_t depth_ = 0;
};

template <typename T>
void write(Writer& out, const T& value);

/// The elements of a sequence; those that are numbers side by side at once.
template <typename T>
void write_items(Writer& out, const T& items) {
  if constexpr (is_contiguous<T>::value) {
    if constexpr (shape_of<element_t<T>>() == Shape::kNumber) {
      return out.numbers(items.data(), items.size(), type_tag<element_t<T>>());
    }
  }
  for (const auto& each : items) write<bare_t<decltype(each)>>(out, each);
}

struct WriteFields {
  Writer& out;
  template <typename... Members>
  void operator()(const Members&... members) const {
    // Like an empty tuple: every value takes a byte, so that counts can be checked.
    if constexpr (sizeof...(Members) == 0) out.flag(false);
    (write<Members>(out, members), ...);
  }
};

template <typename T, std::size_t... I>
void write_elements(Writer& out, const T& tuple, std::index_sequence<I...>) {
  using std::get;
  (write<bare_t<std::tuple_element_t<I, T>>>(out, get<I>(tuple)), ...);
}

template <typename T>
void write(Writer& out, const T& value) {
  constexpr auto shape = shape_of<T>();
  if constexpr (shape == Shape::kOwn) {
    out.text(Codec<T>::encode(value));
  } else if constexpr (shape == Shape::kFields) {
    out.open_structure();
    value.mvm_fields(WriteFields{out});
    out.close_structure();
  } else if constexpr (shape == Shape::kNumber) {
    out.numbers(&value, 1, type_tag<T>());
  } else if constexpr (shape == Shape::kText) {
    out.text(value);
  } else if constexpr (shape == Shape::kOptional) {
    out.flag(value.has_value());
    if (value) write<bare_t<typename T::value_type>>(out, *value);
  } else if constexpr (shape == Shape::kArray) {
    if constexpr (array_length<T>() == 0) {
      out.flag(false);
    } else if constexpr (shape_of<array_item_t<T>>() == Shape::kNumber) {
      out.numbers(&value[0], array_length<T>(), type_tag<array_item_t<T>>());
    } else {
      write_items(out, value);
    }
  } else if constexpr (shape == Shape::kTuple) {
    if constexpr (std::tuple_size_v<T> == 0) out.flag(false);
    write_elements(out, value, std::make_index_sequence<std::tuple_size_v<T>>());
  } else if constexpr (shape == Shape::kMap) {
    out.count(value.size());
    for (const auto& [key, mapped] : value) {
      write<typename T::key_type>(out, key);
      write<typename T::mapped_type>(out, mapped);
    }
  } else if constexpr (shape != Shape::kOther) {  // else `sign` has told what is wrong
    std::size_t count = 0;
    if constexpr (is_contiguous<T>::value) {
      count = value.size();
    } else {
      for (auto each = value.begin(); each != value.end(); ++each) ++count;
    }
    out.count(count);
    write_items(out, value);
  }
}

// Reading.

/// Takes a composite apart. Nothing that the bytes say is believed: every length is checked against
/// the bytes that are left, and what is wrong throws `error`. Where `may_convert`, numbers may be
/// of another size than the receiver's, as long as the values fit.
class MVM_API Reader {
 public:
  /// `block` is where the bytes came from, for messages to people, and must outlive the reader.
  Reader(std::string_view bytes, const std::string& wanted, bool may_convert, const Block& block);

  void numbers(void* to, std::size_t count, std::uint32_t tag);
  bool flag();
  /// The number of elements to come: at most as many as there are bytes left.
  std::size_t count();
  /// The same for numbers: at most as many as the bytes left make.
  std::size_t count_numbers(std::uint32_t tag);
  std::string_view text();
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  void finish();  ///< throws when bytes are left
  [[noreturn]] void fail(const char* why) const;

  // Where the sender's signature differs from the receiver's it is walked along, because it says of
  // which size the sender's numbers are. Otherwise these do nothing.
  using Place = const char*;
  void open();            ///< from "v(" to behind it, and the like
  void next();            ///< over a comma
  void close(bool seen);  ///< over the bracket; `seen`: the type in it was walked along
  Place place() const { return type_; }
  void go_to(Place place) { type_ = place; }

  /// One structure that is being read, and those around it.
  struct Structure {
    const Structure* around;
    const char* first_field;
    const Structure* before;
    const char* behind;  ///< where to go on, when it was only referred to
  };
  void open_structure(Structure& structure);
  void field();  ///< over a field's name
  void close_structure(const Structure& structure);

 private:
  void need(std::size_t bytes);
  std::uint32_t take_number_type(std::uint32_t wanted);
  void convert(void* to, std::size_t size, std::uint32_t wanted, std::uint32_t given);
  void skip_type();
  std::string_view type_left() const {
    return {type_, static_cast<std::size_t>(type_end_ - type_)};
  }

  const char* at_ = nullptr;
  const char* end_ = nullptr;
  const char* type_ = nullptr;
  const char* type_end_ = nullptr;
  const Structure* innermost_ = nullptr;
  std::uint32_t depth_ = 0;
  const std::string& wanted_;
  const Block& block_;
};

template <typename T>
void read(Reader& in, T& value);

struct ReadFields {
  Reader& in;
  template <typename... Members>
  void operator()(Members&... members) const {
    if constexpr (sizeof...(Members) == 0) {
      if (in.flag()) in.fail("a structure without fields is not empty");
    }
    ((in.field(), read<Members>(in, members)), ...);
  }
};

template <typename T, std::size_t... I>
void read_elements(Reader& in, T& tuple, std::index_sequence<I...>) {
  using std::get;
  ((I == 0 ? void() : in.next(), read<std::tuple_element_t<I, T>>(in, get<I>(tuple))), ...);
}

template <typename T>
void read_list(Reader& in, T& list) {
  using Item = typename T::value_type;
  if constexpr (is_contiguous<T>::value && shape_of<Item>() == Shape::kNumber) {
    const auto count = in.count_numbers(type_tag<Item>());
    list.resize(count);
    in.numbers(list.data(), count, type_tag<Item>());
    in.close(true);
  } else {
    const auto count = in.count();
    const auto place = in.place();
    // No more than what the bytes make: the rest grows while it proves to be there.
    if constexpr (can_reserve<T>::value) {
      const auto made = in.left() / sizeof(Item);
      list.reserve(count < made ? count : made);
    }
    for (std::size_t i = 0; i < count; ++i) {
      in.go_to(place);
      Item each{};
      read<Item>(in, each);
      list.push_back(std::move(each));
    }
    in.close(count != 0);
  }
}

/// Maps and sets.
template <typename T>
void read_keys(Reader& in, T& keys) {
  const auto count = in.count();
  const auto place = in.place();
  for (std::size_t i = 0; i < count; ++i) {
    in.go_to(place);
    typename T::key_type key{};
    read(in, key);
    if constexpr (has_mapped<T>::value) {
      in.next();
      typename T::mapped_type mapped{};
      read(in, mapped);
      keys.emplace_hint(keys.end(), std::move(key), std::move(mapped));
    } else {
      keys.emplace_hint(keys.end(), std::move(key));
    }
  }
  if (keys.size() != count) in.fail("a key comes twice");
  in.close(count != 0);
}

template <typename T>
void read(Reader& in, T& value) {
  constexpr auto shape = shape_of<T>();
  if constexpr (shape == Shape::kOwn) {
    value = Codec<T>::decode(in.text());
  } else if constexpr (shape == Shape::kFields) {
    Reader::Structure structure;
    in.open_structure(structure);
    value.mvm_fields(ReadFields{in});
    in.close_structure(structure);
  } else if constexpr (shape == Shape::kNumber) {
    in.numbers(&value, 1, type_tag<T>());
  } else if constexpr (shape == Shape::kText) {
    static_assert(can_push_back<T>::value, "receive a std::string: a view would have no owner");
    const auto words = in.text();
    value.assign(words.data(), words.size());
  } else if constexpr (shape != Shape::kOther) {
    in.open();
    if constexpr (shape == Shape::kOptional) {
      if (in.flag()) {
        read(in, value.emplace());
        in.close(true);
      } else {
        value.reset();
        in.close(false);
      }
    } else if constexpr (shape == Shape::kArray) {
      constexpr auto length = array_length<T>();
      if constexpr (length == 0) {
        if (in.flag()) in.fail("an empty array is not empty");
      } else if constexpr (shape_of<array_item_t<T>>() == Shape::kNumber) {
        in.numbers(&value[0], length, type_tag<array_item_t<T>>());
      } else {
        const auto place = in.place();
        for (auto& each : value) {
          in.go_to(place);
          read(in, each);
        }
      }
      in.close(length != 0);
    } else if constexpr (shape == Shape::kTuple) {
      if constexpr (std::tuple_size_v<T> == 0) {
        if (in.flag()) in.fail("an empty tuple is not empty");
      }
      read_elements(in, value, std::make_index_sequence<std::tuple_size_v<T>>());
      in.close(true);
    } else if constexpr (shape == Shape::kMap || shape == Shape::kSet) {
      value.clear();
      read_keys(in, value);
    } else {
      static_assert(can_push_back<T>::value, "receive a std::vector: a view would have no owner");
      value.clear();
      read_list(in, value);
    }
  }
}

/// The message of a composite: signature and values.
template <typename T>
std::string pack(const T& value) {
  Writer out(signature_of<T>());
  write<T>(out, value);
  return out.bytes();
}
template <typename T>
std::uint32_t composite_tag() {
  return make_tag(Kind::kComposite, hash24(signature_of<T>()));
}
/// Throws `error` for bytes that are no T.
template <typename T>
T unpack(std::string_view bytes, bool may_convert, const Block& block) {
  Reader in(bytes, signature_of<T>(), may_convert, block);
  T value{};
  read<T>(in, value);
  in.finish();
  return value;
}

}  // namespace detail
}  // namespace mvm
