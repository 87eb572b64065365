// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "digest.hpp"
#include "input_file.hpp"

namespace mvm::build {

/// The folder that a job's files share. Paths below it are stored relative to it, so that a job
/// copied elsewhere finds its results again. A folder whose name the compiler's prefix map cannot
/// express shares nothing.
class JobFolder {
 public:
  /// Of results that belong to no job: every path stays absolute.
  JobFolder() : path_("/"), relocatable_(false) {}
  /// The deepest folder that holds all the sources, at least one.
  explicit JobFolder(const std::vector<std::filesystem::path>& sources);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] bool relocatable() const { return relocatable_; }
  /// "./sub/heat.cpp" below the folder; unchanged elsewhere.
  [[nodiscard]] std::string portable(const std::filesystem::path& path) const;
  /// The inverse of `portable`.
  [[nodiscard]] std::string resolve(std::string_view portable) const;

 private:
  std::filesystem::path path_;
  bool relocatable_ = true;
};

/// What a result in the cache was made from, beyond what its key says.
struct Manifest {
  std::vector<InputFile> inputs;    ///< portable paths
  std::vector<std::string> absent;  ///< portable paths where a new file would be read instead
  std::string product;              ///< file name in the entry's folder
  std::uint64_t product_size = 0;
  std::string warnings;  ///< the compiler's words

  /// Bytes in a fixed order; see docs/build-cache.md.
  [[nodiscard]] std::string encode() const;
  /// Nothing for bytes that `encode` did not write.
  [[nodiscard]] static std::optional<Manifest> decode(std::string_view bytes);

  /// Names this set of inputs among the results of one key.
  [[nodiscard]] Digest variant() const;

  /// Adds inputs and absent paths of another manifest, each path once.
  void merge(const Manifest& other);
};

enum class Freshness : std::uint8_t {
  kFresh,    ///< every stamp is as it was
  kTouched,  ///< some stamps differ, the content does not; the manifest has the new stamps now
  kStale,    ///< some content differs, or a file appeared or vanished
};

/// Compares a manifest with the files as they are. Reads only files whose stamp differs.
[[nodiscard]] Freshness check(Manifest& manifest, const JobFolder& folder, FileDigests& digests);

/// Limits of one manifest, against a damaged file.
inline constexpr std::uint32_t kMaxManifestInputs = 1'000'000;
inline constexpr std::uint32_t kMaxManifestText = 16 << 20;

}  // namespace mvm::build
