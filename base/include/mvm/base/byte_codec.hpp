// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <mvm/base/result.hpp>

namespace mvm {

/// Appends values in a fixed byte order (little endian), for files and frames that other machines
/// read. Strings carry a 32-bit length.
class ByteWriter {
 public:
  template <typename Number>
    requires std::is_integral_v<Number> || std::is_enum_v<Number>
  void put(Number number) {
    auto rest = static_cast<std::uint64_t>(number);
    for (std::size_t i = 0; i < sizeof(Number); ++i, rest >>= 8) {
      bytes_.push_back(static_cast<char>(rest & 0xff));
    }
  }
  void put(std::string_view words) {
    put(static_cast<std::uint32_t>(words.size()));
    bytes_.append(words);
  }
  void put(const std::string& words) { put(std::string_view(words)); }
  void put(const char* words) { put(std::string_view(words)); }

  [[nodiscard]] const std::string& bytes() const { return bytes_; }
  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Reads what `ByteWriter` wrote, from bytes that may be hostile. After the first read past the
/// end, or of a string over its limit, `ok()` is false and every further read gives zeros: check
/// once, at the end of a group of reads and before any loop whose length was read.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  template <typename Number>
    requires std::is_integral_v<Number> || std::is_enum_v<Number>
  [[nodiscard]] Number get() {
    if (rest_.size() < sizeof(Number)) {
      ok_ = false;
      rest_ = {};
      return Number{};
    }
    std::uint64_t number = 0;
    for (std::size_t i = sizeof(Number); i-- > 0;) {
      number = number << 8 | static_cast<unsigned char>(rest_[i]);
    }
    rest_.remove_prefix(sizeof(Number));
    return static_cast<Number>(number);
  }

  /// A view into the bytes that were given to the constructor.
  [[nodiscard]] std::string_view get_text(std::uint32_t limit) {
    const auto length = get<std::uint32_t>();
    if (length > limit || length > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const auto words = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return words;
  }

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] std::size_t remaining() const { return rest_.size(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace mvm
