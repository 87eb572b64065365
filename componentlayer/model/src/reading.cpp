// SPDX-License-Identifier: GPL-3.0-or-later
#include "reading.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "wording.hpp"

namespace mvm::model {
namespace {

template <typename Number>
std::optional<Number> parse_number(std::string_view words) {
  Number number{};
  const auto* end = words.data() + words.size();
  const auto [stop, error] = std::from_chars(words.data(), end, number);
  if (error != std::errc() || stop != end) return {};
  return number;
}

}  // namespace

Place Reading::place(const XmlElement& element) const {
  return {document_.shown, element.line};
}

bool Reading::is_clear(const XmlElement& element,
                       const std::vector<std::string_view>& harmless) const {
  const auto has_none = [&](const std::set<std::pair<std::size_t, std::string>>& doubts) {
    for (auto doubt = doubts.lower_bound({element.number, ""});
         doubt != doubts.end() && doubt->first == element.number; ++doubt) {
      const auto& attribute = doubt->second;
      if (!attribute.empty() && std::ranges::find(harmless, attribute) == harmless.end()) {
        return false;
      }
    }
    return true;
  };
  return has_none(doubtful_) && has_none(document_.found);
}

void Reading::add(const XmlElement& element, std::string_view attribute, std::string message) {
  doubtful_.emplace(element.number, attribute);
  if (has_enough()) return;
  if (document_.found.contains({element.number, std::string(attribute)})) return;
  const auto* written = element.attribute(attribute);
  const int line = written == nullptr ? element.line : written->line;
  diagnostics_.push_back({document_.shown, line, std::move(message)});
}

void Reading::complain_value(const XmlElement& element, std::string_view attribute,
                             std::string_view value, std::string_view complaint) {
  const auto* written = element.attribute(attribute);
  if (attribute.empty()) {
    complain(element, attribute, "'", excerpt(value), "' in <", element.name, "> ", complaint);
  } else if (written == nullptr || written->value == value) {
    complain(element, attribute, attribute, "=\"", excerpt(value), "\" in <", element.name, "> ",
             complaint);
  } else {
    complain(element, attribute, attribute, "=\"", excerpt(written->value), "\" in <", element.name,
             "> is '", excerpt(value), "', which ", complaint);
  }
}

std::optional<std::string> Reading::expanded(const XmlElement& element, std::string_view attribute,
                                             const std::string& raw, const Scope& scope) {
  const auto is_used = [&](const auto& name) { return mentions(raw, name); };
  if (has_enough() || std::ranges::any_of(unknown_, is_used)) {
    doubtful_.emplace(element.number, attribute);
    return {};
  }
  auto value = expand(raw, scope);
  if (!value) {
    const auto where = attribute.empty() ? text("<", element.name, ">")
                                         : text(attribute, " of <", element.name, ">");
    complain(element, attribute, where, ": ", value.error().message);
    return {};
  }
  return std::move(*value);
}

std::optional<std::string> Reading::words(const XmlElement& element, std::string_view attribute) {
  const auto* written = element.attribute(attribute);
  if (written == nullptr) return {};
  return expanded(element, attribute, written->value, scope_);
}

std::optional<std::string> Reading::content(const XmlElement& element) {
  auto value = expanded(element, "", element.words, scope_);
  if (value && value->empty()) {
    complain(element, "", "<", element.name, "> must not be empty");
    return {};
  }
  return value;
}

std::optional<std::uint32_t> Reading::whole(const XmlElement& element, std::string_view attribute,
                                            std::uint32_t least, std::uint32_t most) {
  const auto value = words(element, attribute);
  if (!value) return {};
  const auto number = parse_number<std::uint32_t>(trim(*value));
  if (number && *number >= least && *number <= most) return number;
  complain_value(element, attribute, *value,
                 text("is not a whole number from ", least, " to ", most));
  return {};
}

std::optional<double> Reading::number(const XmlElement& element, std::string_view attribute) {
  const auto value = words(element, attribute);
  if (!value) return {};
  const auto number = parse_number<double>(trim(*value));
  if (number && std::isfinite(*number)) return number;
  complain_value(element, attribute, *value, "is not a number");
  return {};
}

std::optional<Bytes> Reading::size(const XmlElement& element, std::string_view attribute) {
  const auto value = words(element, attribute);
  if (!value) return {};
  const auto bytes = parse_bytes(trim(*value));
  if (bytes && bytes->count > 0) return *bytes;
  complain_value(element, attribute, *value, "is not a size such as 64KiB or 512MiB");
  return {};
}

std::optional<Duration> Reading::duration(const XmlElement& element, std::string_view attribute) {
  const auto value = words(element, attribute);
  if (!value) return {};
  const auto duration = parse_duration(trim(*value));
  if (duration) return *duration;
  complain_value(element, attribute, *value, "is not a duration such as 10ms, 1.5s or 10min");
  return {};
}

std::optional<bool> Reading::flag(const XmlElement& element, std::string_view attribute) {
  // An expression such as ${side > 3} gives 1 or 0.
  return choice<bool>(element, attribute,
                      {{"true", true}, {"false", false}, {"1", true}, {"0", false}});
}

void Reading::refuse_choice(const XmlElement& element, std::string_view attribute,
                            const std::string& value, const std::vector<std::string>& allowed,
                            const std::vector<std::string>& later) {
  if (std::ranges::find(later, value) != later.end()) {
    complain_value(
        element, attribute, value,
        text("is known, but not available in this version; use ",
             allowed.size() == 1 ? allowed.front() : text("one of: ", list_of(allowed))));
    return;
  }
  complain_value(element, attribute, value, text("is not known", meant_or_allowed(value, allowed)));
}

bool Reading::check_task_words(const XmlElement& element, std::string_view attribute,
                               const std::string& words, std::uint32_t count) {
  auto task_scope = scope_;
  task_scope["index"] = 0.0;
  task_scope["count"] = static_cast<double>(count);
  return expanded(element, attribute, words, task_scope).has_value();
}

}  // namespace mvm::model
