// SPDX-License-Identifier: GPL-3.0-or-later
#include "selector.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "job_reader.hpp"

namespace mvm::model {
namespace {

/// "[2]" or "[*]" at the end of `job` is cut off. False when the brackets do not fit.
bool take_index(std::string_view& job, std::optional<std::uint32_t>& index) {
  if (!job.ends_with(']')) return true;
  const auto open = job.find('[');
  if (open == std::string_view::npos) return false;
  const auto inside = job.substr(open + 1, job.size() - open - 2);
  job = job.substr(0, open);
  if (inside == "*") return true;
  std::uint32_t number = 0;
  const auto* end = inside.data() + inside.size();
  const auto [stop, error] = std::from_chars(inside.data(), end, number);
  if (error != std::errc() || stop != end) return false;
  index = number;
  return true;
}

}  // namespace

bool is_port_name(std::string_view words) {
  constexpr std::size_t kLongest = 64;
  const auto is_part = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '+';
  };
  if (words.empty() || words.size() > kLongest || !std::ranges::all_of(words, is_part))
    return false;
  return std::isalpha(static_cast<unsigned char>(words.front())) != 0 || words.front() == '_';
}

std::optional<Selector> parse_selector(std::string_view words, bool wildcards) {
  const auto dot = words.find('.');
  if (dot == std::string_view::npos) return {};
  auto job = words.substr(0, dot);
  const auto port = words.substr(dot + 1);

  Selector selector;
  if (!take_index(job, selector.index)) return {};
  if (!is_name(job) && !(wildcards && job == "*")) return {};
  auto stem = port;
  if (wildcards && stem.ends_with('*')) stem.remove_suffix(1);
  if (!is_port_name(stem) && !(wildcards && port == "*")) return {};
  selector.job = job;
  selector.port = port;
  return selector;
}

}  // namespace mvm::model
