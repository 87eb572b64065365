// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>

namespace mvm::model {

/// Ascending numbers as runs: "0-3,8". A long list ends with "…", so that a line stays readable.
class NumberRuns {
 public:
  void add(std::uint32_t number);
  [[nodiscard]] bool empty() const { return words_.empty(); }
  [[nodiscard]] std::string take();

 private:
  void close();
  std::string words_;
  std::uint32_t first_ = 0;
  std::uint32_t last_ = 0;
};

}  // namespace mvm::model
