// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <mvm/base/result.hpp>

#include "input_file.hpp"
#include "manifest.hpp"

namespace mvm::build {

/// Where a unit's #include looks, in order.
struct SearchPath {
  std::filesystem::path beside;               ///< the source's folder, for "quotes"
  std::vector<std::filesystem::path> job;     ///< the profile's include folders
  std::vector<std::filesystem::path> system;  ///< SDK and compiler
};

/// The files that a compiler or linker says it read, by its dependency file. What lies below
/// `intermediate` (our own objects and precompiled headers) is left out. Paths become portable.
/// Errors: kSystem when a file has vanished.
[[nodiscard]] Result<std::vector<InputFile>> read_inputs(const std::filesystem::path& depfile,
                                                         const JobFolder& job,
                                                         const std::filesystem::path& intermediate,
                                                         FileDigests& digests);

/// Paths where a file, once it appears, would be included in place of one of `inputs`, because it
/// lies earlier on the search path. Some may exist already, where two folders overlap.
[[nodiscard]] std::vector<std::string> shadowing_paths(const std::vector<InputFile>& inputs,
                                                       const SearchPath& search,
                                                       const JobFolder& job);

/// `paths` reduced to what must stay absent: "inc/bits" stands for all below it while there is no
/// such folder. Portable; those that exist are left out.
[[nodiscard]] std::vector<std::string> absent_among(const std::vector<std::string>& paths,
                                                    const JobFolder& job);

/// The first input that was written since `started_ns` of the file clock, or nothing.
[[nodiscard]] const InputFile* changed_since(const std::vector<InputFile>& inputs,
                                             const JobFolder& job, std::int64_t started_ns);

}  // namespace mvm::build
