// SPDX-License-Identifier: GPL-3.0-or-later
#include "build_inputs.hpp"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>

#include <mvm/base/file.hpp>

#include "depfile.hpp"

namespace mvm::build {
namespace {

namespace fs = std::filesystem;

constexpr Bytes kMaxDepfile = 64_MiB;

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

/// What follows `folder` in `path`, or nothing when it is not below it. By words alone: compilers
/// build their names from their search path, so a header is named after the folder that it was
/// found in.
std::optional<std::string_view> below(const fs::path& folder, std::string_view path) {
  std::string_view prefix = folder.native();
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  if (!path.starts_with(prefix) || path.size() <= prefix.size() || path[prefix.size()] != '/') {
    return {};
  }
  return path.substr(prefix.size() + 1);
}

/// Where a header was found: the position of the longest folder that holds it, and its name there.
struct Found {
  std::size_t position;
  std::string_view name;
};

std::optional<Found> find_in(const std::vector<fs::path>& folders, std::string_view path) {
  std::optional<Found> found;
  for (std::size_t i = 0; i < folders.size(); ++i) {
    const auto name = below(folders[i], path);
    if (name && (!found || name->size() < found->name.size())) found = Found{i, *name};
  }
  return found;
}

}  // namespace

Result<std::vector<InputFile>> read_inputs(const fs::path& depfile, const JobFolder& job,
                                           const fs::path& intermediate, FileDigests& digests) {
  const auto content = read_file(depfile, kMaxDepfile);
  if (!content) return fail(content.error());
  std::vector<InputFile> inputs;
  std::set<std::string, std::less<>> seen;
  for (const auto& name : parse_depfile(*content)) {
    // The compiler worked in the job's folder.
    const auto path = (job.path() / name).native();
    // The empty main file of a precompiled header is a device, and never changes.
    if (path == "/dev/null" || below(intermediate, path) || !seen.insert(path).second) continue;
    auto input = digests.read(path);
    if (!input) return fail(input.error());
    input->path = job.portable(path);
    inputs.push_back(std::move(*input));
  }
  return inputs;
}

std::vector<std::string> shadowing_paths(const std::vector<InputFile>& inputs,
                                         const SearchPath& search, const JobFolder& job) {
  std::vector<fs::path> folders{search.beside};
  folders.insert(folders.end(), search.job.begin(), search.job.end());
  const auto system_from = folders.size();
  folders.insert(folders.end(), search.system.begin(), search.system.end());

  std::vector<std::string> paths;
  for (const auto& input : inputs) {
    const auto path = job.resolve(input.path);
    const auto found = find_in(folders, path);
    if (!found) continue;
    // System headers are included in angle brackets, which do not look beside the source; and the
    // system's own folders change only with the compiler.
    const bool system = found->position >= system_from;
    const auto until = std::min(found->position, system_from);
    for (std::size_t i = system ? 1 : 0; i < until; ++i) {
      paths.push_back((folders[i] / found->name).native());
    }
  }
  return paths;
}

std::vector<std::string> absent_among(const std::vector<std::string>& paths, const JobFolder& job) {
  std::set<std::string> absent;
  for (const auto& path : paths) {
    if (exists(path)) continue;
    fs::path top = path;
    while (top.has_relative_path() && !exists(top.parent_path().native())) top = top.parent_path();
    absent.insert(job.portable(top));
  }
  return {absent.begin(), absent.end()};
}

const InputFile* changed_since(const std::vector<InputFile>& inputs, const JobFolder& job,
                               std::int64_t started_ns) {
  for (const auto& input : inputs) {
    const auto stamp = stamp_of(job.resolve(input.path));
    if (!stamp || stamp->changed_ns >= started_ns) return &input;
  }
  return nullptr;
}

}  // namespace mvm::build
