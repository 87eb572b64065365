// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Receiving, and what a message is taken for. The end of <mvm/job.hpp>.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <mvm/composite.hpp>
#include <mvm/detail/calls.hpp>
#include <mvm/job.hpp>
#include <mvm/types.hpp>

namespace mvm {

inline Message Job::receive_any() {
  auto message = next_any();
  if (!message) throw_all_closed();
  return std::move(*message);
}
inline std::optional<Message> Job::next_any() {
  return take(detail::kForever);
}
inline std::optional<Message> Job::try_receive_any() {
  return take(0);
}
template <typename Duration>
std::optional<Message> Job::receive_any_for(const Duration& timeout) {
  return take(detail::nanoseconds(timeout));
}
inline std::optional<Message> Job::take(std::int64_t timeout_ns) {
  detail::Block block;
  if (detail::receive_any(*this, block, timeout_ns) != detail::Got::kMessage) return std::nullopt;
  return Message(block);
}

namespace detail {

/// A value that lies in a message as it lies in memory, so that it can be copied out at once.
template <typename T>
constexpr bool is_copied_out() {
  if constexpr (std::is_same_v<T, Message> || has_codec<T>::value || is_composite<T>() ||
                can_push_back<T>::value) {
    return false;
  } else {
    return is_plain<T>();
  }
}

}  // namespace detail

template <typename T>
T Port::receive() {
  if constexpr (detail::is_copied_out<T>()) {
    T value;
    const auto got =
        detail::receive_value(*this, &value, sizeof value, detail::type_tag<T>(), detail::kForever);
    if (got != detail::Got::kMessage) detail::throw_closed(*this);
    return value;
  } else {
    auto message = take(detail::kForever);
    if (!message) detail::throw_closed(*this);
    return convert<T>(std::move(*message));
  }
}
template <typename T>
std::optional<T> Port::next() {
  return convert_some<T>(take(detail::kForever));
}
template <typename T>
std::optional<T> Port::try_receive() {
  return convert_some<T>(take(0));
}
template <typename T, typename Duration>
std::optional<T> Port::receive_for(const Duration& timeout) {
  return convert_some<T>(take(detail::nanoseconds(timeout)));
}
template <typename Range>
std::size_t Port::receive_into(Range&& range) {
  using Element = detail::element_t<std::remove_reference_t<Range>>;
  static_assert(detail::is_plain<Element>(), "only plain values can be received into a range");
  std::size_t size = range.size() * sizeof(Element);
  if (detail::receive_into(*this, range.data(), size, detail::type_tag<Element>(),
                           detail::kForever) != detail::Got::kMessage) {
    detail::throw_closed(*this);
  }
  return size / sizeof(Element);
}
inline std::optional<Message> Port::take(std::int64_t timeout_ns) {
  detail::Block block;
  if (detail::receive(*this, block, timeout_ns) != detail::Got::kMessage) return std::nullopt;
  return Message(block);
}
template <typename T>
T Port::convert(Message&& message) {
  if constexpr (std::is_same_v<T, Message>) {
    return std::move(message);
  } else {
    return message.as<T>();
  }
}
template <typename T>
std::optional<T> Port::convert_some(std::optional<Message>&& message) {
  if (!message) return std::nullopt;
  return convert<T>(std::move(*message));
}

template <typename T>
T Message::as() const {
  if constexpr (detail::has_codec<T>::value) {
    if (!detail::fits_own(block_, detail::own_tag<T>())) {
      detail::throw_mismatch(block_, "x<" + std::string(detail::codec_name<T>::value) + ">");
    }
    return Codec<T>::decode(text());
  } else if constexpr (detail::is_composite<T>()) {
    // A loan sends structures as they lie in memory.
    if (detail::kind_of(block_.type) == detail::Kind::kStructure) {
      if constexpr (std::is_trivially_copyable_v<T>) {
        return as_value<T>();
      } else if constexpr (detail::is_contiguous<T>::value && detail::can_push_back<T>::value) {
        if constexpr (std::is_trivially_copyable_v<detail::element_t<T>>) return as_sequence<T>();
      }
    }
    if (!detail::fits(block_, detail::composite_tag<T>()) &&
        detail::kind_of(block_.type) != detail::Kind::kComposite) {
      detail::throw_mismatch(block_, detail::signature_of<T>());
    }
    return detail::unpack<T>(text(), block_.portable, block_);
  } else if constexpr (detail::can_push_back<T>::value) {
    return as_sequence<T>();
  } else {
    static_assert(detail::is_plain<T>(),
                  "receive a trivially copyable value, a vector, a string, a standard container, a "
                  "structure with MVM_FIELDS, a Message, or specialise mvm::Codec for the type");
    return as_value<T>();
  }
}

template <typename T>
T Message::as_value() const {
  constexpr auto wanted = detail::type_tag<T>();
  T value;
  if (detail::fits(block_, wanted) && block_.size == sizeof value) {
    __builtin_memcpy(&value, block_.data, sizeof value);
  } else if (detail::elements_size(block_, wanted) != sizeof value) {
    detail::throw_mismatch(block_, wanted, sizeof value);
  } else {
    detail::copy_elements(block_, &value, sizeof value, wanted);
  }
  return value;
}

template <typename T>
T Message::as_sequence() const {
  using Element = typename T::value_type;
  constexpr auto wanted = detail::type_tag<Element>();
  const auto size =
      detail::fits(block_, wanted) ? block_.size : detail::elements_size(block_, wanted);
  if (size % sizeof(Element) != 0) detail::throw_mismatch(block_, wanted, sizeof(Element));
  if (detail::fits(block_, wanted)) {
    const auto* first = static_cast<const Element*>(block_.data);
    return T(first, first + size / sizeof(Element));
  }
  if constexpr (detail::is_contiguous<T>::value) {
    T converted(size / sizeof(Element), Element{});
    detail::copy_elements(block_, converted.data(), size, wanted);
    return converted;
  } else {
    // vector<bool> gives no memory; what is a bool is never converted.
    using Item = std::conditional_t<std::is_same_v<Element, bool>, char, Element>;
    std::vector<Item> converted(size / sizeof(Element));
    detail::copy_elements(block_, converted.data(), size, wanted);
    return T(converted.begin(), converted.end());
  }
}

}  // namespace mvm
