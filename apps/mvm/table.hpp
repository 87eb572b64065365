// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

namespace mvm::cli {

/// Rows under a headline, columns as wide as they need to be. For people; scripts ask for JSON.
class Table {
 public:
  explicit Table(std::vector<std::string> headline) { add(std::move(headline)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  [[nodiscard]] std::string to_string() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace mvm::cli
