// SPDX-License-Identifier: GPL-3.0-or-later
#include "json_line.hpp"

#include <nlohmann/json.hpp>

#include <mvm/base/text.hpp>

namespace mvm::cli {
namespace {

std::string dump(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

JsonLine& JsonLine::add(std::string_view name, std::string_view value) {
  return add_raw(name, dump(value));
}

JsonLine& JsonLine::add(std::string_view name, int value) {
  return add_raw(name, dump(value));
}

JsonLine& JsonLine::add(std::string_view name, std::uint64_t value) {
  return add_raw(name, dump(value));
}

JsonLine& JsonLine::add(std::string_view name, double value) {
  return add_raw(name, dump(value));
}

JsonLine& JsonLine::add_raw(std::string_view name, std::string_view json) {
  members_ += text(members_.empty() ? "" : ",", dump(name), ":", json);
  return *this;
}

}  // namespace mvm::cli
