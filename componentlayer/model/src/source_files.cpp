// SPDX-License-Identifier: GPL-3.0-or-later
#include "source_files.hpp"

#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>

#include <mvm/base/diagnostic.hpp>

#include "wording.hpp"

namespace mvm::model {
namespace {

namespace fs = std::filesystem;

bool is_pattern(std::string_view words) {
  return words.find_first_of("*?[") != std::string_view::npos;
}

std::vector<std::string> file_names(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_regular_file(ignored)) names.push_back(entry->path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

Result<void> check_readable(const fs::path& file, const std::string& words) {
  std::error_code error;
  if (!fs::exists(file, error)) {
    const auto folder = file.parent_path();
    return fail(ErrorCode::kNotFound, "'", excerpt(words), "' is not found in ", folder.string(),
                did_you_mean(file.filename().string(), file_names(folder)));
  }
  if (!fs::is_regular_file(file, error)) {
    return fail(ErrorCode::kNotFound, "'", excerpt(words), "' is not a file");
  }
  if (::access(file.c_str(), R_OK) != 0) {
    return fail(ErrorCode::kPermission, "'", excerpt(words),
                "' cannot be read by this user; change its mode or owner");
  }
  return {};
}

Result<std::vector<fs::path>> matching_files(const fs::path& pattern, const std::string& words) {
  const auto folder = pattern.parent_path();
  // One folder per pattern keeps the cost of a hostile one low.
  if (is_pattern(folder.string())) {
    return fail(ErrorCode::kNotFound, "'", excerpt(words),
                "' has a wildcard in a folder's name; only the file's name may have one");
  }
  std::vector<fs::path> files;
  for (const auto& name : file_names(folder)) {
    if (::fnmatch(pattern.filename().c_str(), name.c_str(), FNM_PERIOD) != 0) continue;
    if (files.size() == kMaxMatches) {
      return fail(ErrorCode::kLimit, "'", excerpt(words), "' matches more than ", kMaxMatches,
                  " files");
    }
    files.push_back(folder / name);
  }
  if (files.empty()) {
    return fail(ErrorCode::kNotFound, "'", excerpt(words), "' matches no file in ",
                folder.string());
  }
  return files;
}

}  // namespace

Result<std::vector<fs::path>> source_files(const std::string& words, const fs::path& folder) {
  const auto path = (folder / words).lexically_normal();
  std::vector<fs::path> files{path};
  if (is_pattern(words)) {
    auto matches = matching_files(path, words);
    if (!matches) return matches;
    files = std::move(*matches);
  }
  for (const auto& file : files) {
    if (auto readable = check_readable(file, is_pattern(words) ? file.string() : words);
        !readable) {
      return fail(std::move(readable.error()));
    }
  }
  return files;
}

}  // namespace mvm::model
