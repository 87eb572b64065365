// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <mvm/base/result.hpp>

/// The codec `portable`: messages that say of which type, size and byte order their elements are,
/// so that tasks on machines that differ in these understand each other. docs/types.md has the
/// bytes.
namespace mvm::queue {

/// What the elements of a message are; mirrors mvm::detail::Kind of the SDK.
enum class ElementKind : std::uint32_t {
  kBytes = 0,
  kSigned = 1,
  kUnsigned = 2,
  kFloating = 3,
  kBoolean = 4,
  kCharacter = 5,
  kStructure = 6,  ///< known by its size alone: has no portable form
  kComposite = 7,  ///< portable by itself; `size` is a hash of its signature
  kComplex = 8,
  kOwn = 9,  ///< made by a codec of the user's own type; `size` is a hash of that codec's name
};

/// A type tag of the SDK, taken apart.
struct ElementType {
  ElementKind kind = ElementKind::kBytes;
  std::uint32_t size = 0;  ///< bytes of an element

  static constexpr ElementType of(std::uint32_t tag) {
    return {static_cast<ElementKind>(tag >> 24), tag & 0xffffff};
  }
  [[nodiscard]] constexpr std::uint32_t tag() const {
    return static_cast<std::uint32_t>(kind) << 24 | size;
  }
  /// True when messages are plain elements of `size` bytes, side by side.
  [[nodiscard]] bool is_number() const;
  bool operator==(const ElementType&) const = default;
};

/// As a person knows it: "int32", "double", "structures of 24 bytes".
[[nodiscard]] std::string words_of(ElementType type);

/// Length of the header in front of a portable message. Elements behind it are aligned to it.
inline constexpr std::size_t kPortableHeader = 8;

/// Puts a message into the portable form: the header, then the elements in this host's byte order.
/// `out` is overwritten. Errors: kUsage for elements that have no portable form, with what to do;
/// kProtocol when the length is not one of whole elements.
[[nodiscard]] Result<void> to_portable(std::span<const std::byte> native, std::uint32_t tag,
                                       std::vector<std::byte>& out);

/// A message in the form of this host.
struct NativeMessage {
  std::span<const std::byte> bytes;
  std::uint32_t tag = 0;
};
/// Takes a message out of the portable form. The view is of `portable` itself when it comes from a
/// host of the same byte order, else of `swapped`, which is overwritten. Errors: kProtocol for what
/// is no portable message.
[[nodiscard]] Result<NativeMessage> from_portable(std::span<const std::byte> portable,
                                                  std::vector<std::byte>& swapped);

/// True when elements of one type may be given as elements of the other: they are the same, or both
/// integers, or both floating point, or both complex.
[[nodiscard]] bool is_convertible(ElementType from, ElementType to);

/// Converts whole elements, one to one. `to` has room for as many of its type. Errors: kLimit for a
/// value that does not fit, which it names; nothing in `to` can be relied on then. Floating point
/// values are rounded to the nearest.
/// Precondition: is_convertible(from_type, to_type).
[[nodiscard]] Result<void> convert_elements(std::span<const std::byte> from, ElementType from_type,
                                            std::byte* to, ElementType to_type);

/// Turns the bytes of each element around.
void swap_elements(std::span<std::byte> elements, ElementType type);

}  // namespace mvm::queue
