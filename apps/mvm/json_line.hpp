// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace mvm::cli {

/// One flat JSON object on one line, in the order of the calls; for `-o json`. Text that is not
/// UTF-8, as a task may print it, is carried with replacement characters.
class JsonLine {
 public:
  JsonLine& add(std::string_view name, std::string_view value);
  JsonLine& add(std::string_view name, const char* value) {
    return add(name, std::string_view(value));
  }
  JsonLine& add(std::string_view name, const std::string& value) {
    return add(name, std::string_view(value));
  }
  JsonLine& add(std::string_view name, std::same_as<bool> auto value) {
    return add_raw(name, value ? "true" : "false");
  }
  JsonLine& add(std::string_view name, int value);
  JsonLine& add(std::string_view name, std::uint64_t value);
  JsonLine& add(std::string_view name, double value);
  JsonLine& add_null(std::string_view name) { return add_raw(name, "null"); }

  /// With its line end.
  [[nodiscard]] std::string to_string() const { return "{" + members_ + "}\n"; }

 private:
  JsonLine& add_raw(std::string_view name, std::string_view json);

  std::string members_;
};

}  // namespace mvm::cli
