// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <mvm/model/profile.hpp>

namespace mvm::model {

/// A folder of its own for a test's profile and sources; goes with the object.
class ProfileFolder {
 public:
  ProfileFolder() {
    auto pattern = (std::filesystem::temp_directory_path() / "mvm-profile-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) ADD_FAILURE() << "no temporary folder";
    path_ = pattern;
    write("job.cpp", "int main() {}\n");
  }
  ~ProfileFolder() { std::filesystem::remove_all(path_); }
  ProfileFolder(const ProfileFolder&) = delete;
  ProfileFolder& operator=(const ProfileFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  std::filesystem::path write(const std::string& name, std::string_view words) const {
    const auto file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << words;
    return file;
  }

  /// Reads `body` inside `<profile name="test">`.
  [[nodiscard]] std::expected<Profile, Diagnostics> read(const std::string& body,
                                                         ReadOptions options = {}) const {
    if (options.schema.empty()) options.schema = default_schema();
    return read_profile_text(
        "<profile xmlns=\"urn:mvm:profile:1\" name=\"test\">\n" + body + "\n</profile>\n",
        "test.mvm.xml", path_, options);
  }

 private:
  std::filesystem::path path_;
};

/// All complaints, one per line.
inline std::string words_of(const Diagnostics& diagnostics) {
  std::string words;
  for (const auto& diagnostic : diagnostics) words += diagnostic.to_string() + "\n";
  return words;
}

}  // namespace mvm::model
