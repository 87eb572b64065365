// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace mvm::cli {

/// The words of one command line, sorted under the names that its verb declares. An option that was
/// not given has no values; a switch that was given has one, empty.
class Arguments {
 public:
  void add(const std::string& name, std::string value) { words_[name].push_back(std::move(value)); }

  [[nodiscard]] bool has(std::string_view name) const { return words_.contains(name); }

  /// The last value, or empty.
  [[nodiscard]] std::string value(std::string_view name) const {
    const auto found = words_.find(name);
    return found == words_.end() ? std::string() : found->second.back();
  }
  [[nodiscard]] std::vector<std::string> values(std::string_view name) const {
    const auto found = words_.find(name);
    return found == words_.end() ? std::vector<std::string>() : found->second;
  }

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> words_;
};

}  // namespace mvm::cli
