// SPDX-License-Identifier: GPL-3.0-or-later
#include "depfile.hpp"

namespace mvm::build {
namespace {

/// Past "target:". The target is ours and its colon is the first one that a blank or the end of
/// the line follows.
std::string_view after_target(std::string_view content) {
  for (std::size_t i = 0; i < content.size(); ++i) {
    if (content[i] != ':') continue;
    if (i + 1 == content.size() || content[i + 1] == ' ' || content[i + 1] == '\n') {
      return content.substr(i + 1);
    }
  }
  return {};
}

/// What an escape in a rule stands for, and how many characters it takes; 0 when it is none.
struct Escape {
  char meaning;
  std::size_t length;
};

Escape escape_at(std::string_view rest) {
  if (rest.size() < 2) return {0, 0};
  if (rest[0] == '$' && rest[1] == '$') return {'$', 2};
  if (rest[0] != '\\') return {0, 0};
  switch (rest[1]) {
    case ' ':
    case '#':
      return {rest[1], 2};
    case '\n':
      return {'\n', 2};
    default:
      return {0, 0};
  }
}

}  // namespace

std::vector<std::string> parse_depfile(std::string_view content) {
  std::vector<std::string> names;
  std::string name;
  const auto end_name = [&] {
    if (!name.empty()) names.push_back(std::move(name));
    name.clear();
  };
  auto rest = after_target(content);
  while (!rest.empty()) {
    if (const auto escape = escape_at(rest); escape.length != 0) {
      if (escape.meaning == '\n') {
        end_name();
      } else {
        name.push_back(escape.meaning);
      }
      rest.remove_prefix(escape.length);
      continue;
    }
    if (rest.front() == '\n') break;
    if (rest.front() == ' ' || rest.front() == '\t') {
      end_name();
    } else {
      name.push_back(rest.front());
    }
    rest.remove_prefix(1);
  }
  end_name();
  return names;
}

}  // namespace mvm::build
