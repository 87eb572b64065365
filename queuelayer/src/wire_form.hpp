// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include <mvm/base/byte_codec.hpp>
#include <mvm/base/error.hpp>
#include <mvm/base/units.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::queue {

/// For plans and control frames alike; what only one of them holds has its `last` in its own
/// source.
constexpr Transport last(Transport) {
  return Transport::kTcp;
}

}  // namespace mvm::queue

/// How plain structs become bytes and back. A struct says its fields once, in wire order, by a
/// function beside it:
///     template <wire::Either<SendGroup> Self>
///     static auto fields(Self& group) { return std::tie(group.spread, group.channels); }
/// and an enumeration its last value: `static constexpr Spread last(Spread) { return Spread::kHash;
/// }`. Writer, Reader and LimitCheck walk over them, so that the three can never disagree.
///
/// Numbers are little endian in their own width; sizes and durations are 64-bit bytes and
/// nanoseconds; a bool is 0 or 1; an optional is a bool and, if 1, the value; a text or a list is a
/// 32-bit length and its elements; an array is its elements; an enumeration is its number. Every
/// value has exactly one form.
namespace mvm::queue::wire {

/// `Struct` or `const Struct`.
template <typename Self, typename Struct>
concept Either = std::same_as<std::remove_const_t<Self>, Struct>;

template <typename T>
concept Structure = requires(T& value) { fields(value); };

/// Error codes are sparse, and a peer of a later release may know more: any number is one.
constexpr ErrorCode last(ErrorCode) {
  return ErrorCode{0xffff};
}

/// The longest list of this element type.
template <typename Element>
inline constexpr std::uint32_t kListLimit = kMaxListLength;

class Writer {
 public:
  void put(const std::string& value) { out_.put(value); }
  void put(Bytes value) { out_.put(value.count); }
  void put(Duration value) { out_.put(static_cast<std::int64_t>(value.count())); }
  template <typename T>
    requires std::is_integral_v<T> || std::is_enum_v<T>
  void put(T value) {
    out_.put(value);
  }
  template <typename T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  template <typename T>
  void put(const std::vector<T>& list) {
    put(static_cast<std::uint32_t>(list.size()));
    for (const auto& element : list) put(element);
  }
  template <typename T, std::size_t N>
  void put(const std::array<T, N>& elements) {
    for (const auto& element : elements) put(element);
  }
  template <Structure T>
  void put(const T& value) {
    std::apply([this](const auto&... field) { (this->put(field), ...); }, fields(value));
  }
  [[nodiscard]] std::string take() { return out_.take(); }

 private:
  ByteWriter out_;
};

/// Reads bytes that may be hostile. Memory grows only with the bytes that are really there. The
/// first problem is kept; every read after it gives empty values.
class Reader {
 public:
  Reader(std::string_view bytes, std::uint32_t text_limit)
      : size_(bytes.size()), in_(bytes), text_limit_(text_limit) {}

  void get(std::string& value) {
    const auto at = position();
    value = in_.get_text(text_limit_);
    if (!in_.ok()) note(at, text("a text that is cut short or over ", text_limit_, " bytes"));
  }
  void get(Bytes& value) { get(value.count); }
  void get(Duration& value) {
    std::int64_t nanoseconds = 0;
    get(nanoseconds);
    value = Duration(nanoseconds);
  }
  template <typename T>
    requires std::is_integral_v<T> || std::is_enum_v<T>
  void get(T& value) {
    const auto at = position();
    if constexpr (std::is_same_v<T, bool>) {
      const auto byte = in_.get<std::uint8_t>();
      if (byte > 1) note(at, text("a yes or no that is ", byte));
      value = byte == 1;
    } else {
      value = in_.get<T>();
    }
    if (!in_.ok()) note(at, "the end, where a number should be");
    if constexpr (std::is_enum_v<T>) {
      if (value > last(value)) note(at, text("choice ", static_cast<unsigned>(value), ", unknown"));
    }
  }
  template <typename T>
  void get(std::optional<T>& value) {
    bool present = false;
    get(present);
    if (present && ok()) get(value.emplace());
  }
  template <typename T>
  void get(std::vector<T>& list) {
    const auto at = position();
    std::uint32_t length = 0;
    get(length);
    if (length > kListLimit<T> || length > in_.remaining()) {
      return note(at, text("a list of ", length, ", cut short or over ", kListLimit<T>));
    }
    for (std::uint32_t i = 0; i < length && ok(); ++i) get(list.emplace_back());
  }
  template <typename T, std::size_t N>
  void get(std::array<T, N>& elements) {
    for (auto& element : elements) get(element);
  }
  template <Structure T>
  void get(T& value) {
    std::apply([this](auto&... field) { (this->get(field), ...); }, fields(value));
  }

  [[nodiscard]] bool ok() const { return problem_.empty(); }
  [[nodiscard]] const std::string& problem() const { return problem_; }
  /// To be called last: nothing may follow.
  void expect_end() {
    if (!in_.at_end()) note(position(), "more bytes than the value has");
  }

 private:
  [[nodiscard]] std::size_t position() const { return size_ - in_.remaining(); }
  void note(std::size_t at, std::string_view found) {
    if (ok()) problem_ = text("at byte ", at, " of ", size_, " there is ", found);
  }

  std::size_t size_;
  ByteReader in_;
  std::uint32_t text_limit_;
  std::string problem_;
};

/// What Reader refuses, for a value that was made in this process; and NUL characters, because
/// texts become C strings on their way to the system.
class LimitCheck {
 public:
  void visit(const std::string& value) {
    if (value.size() > kMaxNameLength) {
      note(text("the text '", value.substr(0, 40), "…' has ", value.size(), " bytes, the limit is ",
                kMaxNameLength));
    } else if (value.find('\0') != std::string::npos) {
      note(text("the text '", value.c_str(), "' has a NUL character behind it"));
    }
  }
  void visit(Bytes) {}
  void visit(Duration value) {
    if (value.count() < 0) note(text("a duration of ", value.count(), " ns is negative"));
  }
  template <typename T>
    requires std::is_integral_v<T> || std::is_enum_v<T>
  void visit(T value) {
    if constexpr (std::is_enum_v<T>) {
      if (value > last(value)) note(text("choice ", static_cast<unsigned>(value), " is unknown"));
    }
  }
  template <typename T>
  void visit(const std::optional<T>& value) {
    if (value) visit(*value);
  }
  template <typename T>
  void visit(const std::vector<T>& list) {
    if (list.size() > kListLimit<T>) {
      return note(text("a list has ", list.size(), " elements, the limit is ", kListLimit<T>));
    }
    for (const auto& element : list) visit(element);
  }
  template <Structure T>
  void visit(const T& value) {
    std::apply([this](const auto&... field) { (this->visit(field), ...); }, fields(value));
  }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  void note(std::string found) {
    if (problem_.empty()) problem_ = std::move(found);
  }
  std::string problem_;
};

}  // namespace mvm::queue::wire
