// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

namespace mvm::cli {

/// A small profile with its sources, to start one's own from. It runs as it is.
struct ProfileTemplate {
  struct File {
    std::string name;     ///< @NAME@ stands for the profile's name
    std::string content;  ///< likewise
  };
  std::string name;
  std::string summary;
  std::vector<File> files;
};

[[nodiscard]] const std::vector<ProfileTemplate>& profile_templates();

}  // namespace mvm::cli
