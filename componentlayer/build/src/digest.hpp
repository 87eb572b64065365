// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <mvm/base/result.hpp>

namespace mvm::build {

/// A SHA-256 value: what a file holds, or what a result was made from.
struct Digest {
  std::array<std::uint8_t, 32> bytes{};
  auto operator<=>(const Digest&) const = default;

  /// 64 lower-case hexadecimal digits.
  [[nodiscard]] std::string hex() const;
};

/// Computes a digest over a sequence of pieces. Each piece goes in with its length, so that
/// {"ab", "c"} and {"a", "bc"} differ.
class Hasher {
 public:
  Hasher();
  ~Hasher();

  Hasher& add(std::string_view piece);
  Hasher& add(const Digest& digest);

  /// Ends the computation; nothing may be added afterwards.
  [[nodiscard]] Digest finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// The digest of a regular file's bytes. Errors: kSystem with the call that failed.
[[nodiscard]] Result<Digest> digest_file(const std::filesystem::path& path);

}  // namespace mvm::build
