// SPDX-License-Identifier: GPL-3.0-or-later
// Where profiles, registered documents and the schema lie.
#include <algorithm>
#include <cstdlib>
#include <string>

#include <mvm/base/file.hpp>
#include <mvm/model/profile.hpp>

#include "wording.hpp"

namespace mvm::model {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kExtension = ".mvm.xml";
constexpr const char* kSchemaName = "profile.xsd";

/// MVM_PROFILE_PATH: folders separated by colons.
std::vector<fs::path> folders_of_environment() {
  std::vector<fs::path> folders;
  const char* value = std::getenv("MVM_PROFILE_PATH");
  std::string_view rest = value == nullptr ? "" : value;
  while (!rest.empty()) {
    const auto folder = rest.substr(0, rest.find(':'));
    if (!folder.empty()) folders.push_back(fs::absolute(folder));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
  }
  return folders;
}

/// share/mvm/profiles beside the running program's bin/, or the source tree's folder for a
/// program that runs from its build tree.
fs::path shipped_folder() {
  std::error_code error;
  const auto program = fs::read_symlink("/proc/self/exe", error);
  const auto installed = program.parent_path().parent_path() / "share/mvm/profiles";
  if (fs::is_regular_file(installed / kSchemaName, error)) return installed;
  return MVM_PROFILES_SOURCE_FOLDER;
}

std::vector<std::string> profiles_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    auto name = entry->path().filename().string();
    if (name.ends_with(kExtension)) names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

std::vector<fs::path> default_profile_folders() {
  auto folders = folders_of_environment();
  folders.push_back(data_folder() / "profiles");
  folders.push_back(shipped_folder());
  return folders;
}

fs::path default_schema() {
  for (const auto& folder : folders_of_environment()) {
    std::error_code error;
    if (fs::is_regular_file(folder / kSchemaName, error)) return folder / kSchemaName;
  }
  return shipped_folder() / kSchemaName;
}

Result<fs::path> find_profile(const fs::path& words) {
  std::error_code error;
  const auto status = fs::status(words, error);
  if (fs::is_regular_file(status)) return words;
  if (!fs::is_directory(status)) {
    return fail(ErrorCode::kNotFound, words.string(),
                fs::exists(status)
                    ? " is neither a profile's file nor a folder"
                    : " is not there; name a *.mvm.xml file, or a folder that holds one");
  }
  const auto names = profiles_in(words);
  if (names.empty()) {
    return fail(ErrorCode::kNotFound, "the folder ", words.string(), " holds no *", kExtension,
                " file; `mvm init` makes one");
  }
  if (names.size() == 1) return words / names.front();
  const auto folder = fs::absolute(words / "x").lexically_normal().parent_path().filename();
  for (const auto& wanted :
       {folder.string() + std::string(kExtension), "profile" + std::string(kExtension)}) {
    if (std::ranges::find(names, wanted) != names.end()) return words / wanted;
  }
  return fail(ErrorCode::kUsage, "the folder ", words.string(),
              " holds several profiles; name one of: ", list_of(names));
}

}  // namespace mvm::model
