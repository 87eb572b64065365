// SPDX-License-Identifier: GPL-3.0-or-later
#include "parameters.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "wording.hpp"

namespace mvm::model {
namespace {

/// What a parameter may hold.
struct Domain {
  std::string type;
  std::optional<double> min;
  std::optional<double> max;
  std::vector<std::string> choices;

  [[nodiscard]] std::optional<Value> parse(const std::string& words) const;
  [[nodiscard]] std::string phrase() const;
};

std::optional<double> parse_double(std::string_view words) {
  words = trim(words);
  if (words.starts_with('+')) words.remove_prefix(1);
  double number = 0;
  const auto* end = words.data() + words.size();
  const auto [stop, error] = std::from_chars(words.data(), end, number);
  if (error != std::errc() || stop != end || !std::isfinite(number)) return {};
  return number;
}

std::optional<Value> Domain::parse(const std::string& words) const {
  if (!choices.empty() && std::ranges::find(choices, words) == choices.end()) return {};
  if (type == "string") return words;
  if (type == "bool") {
    if (words != "true" && words != "false") return {};
    return words == "true";
  }
  constexpr double kExact = 0x1p53;  // beyond it doubles skip integers
  const auto number = parse_double(words);
  if (!number || (min && *number < *min) || (max && *number > *max)) return {};
  if (type == "int" && (*number != std::trunc(*number) || std::abs(*number) > kExact)) return {};
  return *number;
}

std::string Domain::phrase() const {
  if (!choices.empty()) return text("one of ", list_of(choices));
  if (type == "string") return "a string";
  if (type == "bool") return "true or false";
  std::string words = type == "int" ? "a whole number" : "a number";
  if (min) words += text(" from ", *min);
  if (max) words += text(min ? " to " : " up to ", *max);
  return words;
}

class ParameterReader {
 public:
  ParameterReader(Reading& reading, const GivenValues& given, Diagnostics& diagnostics)
      : reading_(reading), given_(given), diagnostics_(diagnostics) {}

  std::vector<ParameterModel> run() {
    for (const auto& element : reading_.document().root.children) {
      if (element.name == "param") read(element);
    }
    for (const auto& [name, value] : given_) {
      if (!lines_.contains(name)) complain_unknown(name, value);
    }
    return std::move(parameters_);
  }

 private:
  void read(const XmlElement& element) {
    const auto* written = element.attribute("name");
    if (written == nullptr || !is_usable_name(element, written->value)) return;
    lines_[written->value] = element.line;

    ParameterModel parameter;
    parameter.name = written->value;
    const auto domain = read_domain(element);
    parameter.type = domain.type;
    if (const auto* description = element.attribute("description")) {
      parameter.description = description->value;
    }
    if (!decide_value(element, domain, parameter)) reading_.define_unknown(parameter.name);
    parameters_.push_back(std::move(parameter));
  }

  bool is_usable_name(const XmlElement& element, const std::string& name) {
    if (is_reserved_name(name)) {
      reading_.complain(element, "name", "parameter '", name,
                        "' has a name that expressions already use; choose another");
      return false;
    }
    if (const auto first = lines_.find(name); first != lines_.end()) {
      reading_.complain(element, "name", "parameter '", name, "' is declared twice, first in line ",
                        first->second, "; remove one");
      return false;
    }
    return true;
  }

  Domain read_domain(const XmlElement& element) {
    Domain domain;
    if (const auto* type = element.attribute("type")) domain.type = type->value;
    const bool numeric = domain.type == "int" || domain.type == "float";
    for (const auto* bound : {"min", "max"}) {
      if (!numeric && element.attribute(bound) != nullptr) {
        reading_.complain(element, bound, bound, " does not fit a parameter of type ", domain.type,
                          "; remove it", domain.type == "string" ? " or use choices" : "");
      }
    }
    if (numeric) domain.min = reading_.number(element, "min");
    if (numeric) domain.max = reading_.number(element, "max");
    if (domain.min && domain.max && *domain.min > *domain.max) {
      reading_.complain(element, "min", "min is ", *domain.min, ", greater than max, ", *domain.max,
                        "; no value fits");
      domain.min.reset();
      domain.max.reset();
    }
    if (const auto choices = reading_.words(element, "choices"))
      read_choices(element, *choices, domain);
    return domain;
  }

  void read_choices(const XmlElement& element, const std::string& words, Domain& domain) {
    const auto choices = split_words(words);
    for (const auto& choice : choices) {
      if (!domain.parse(choice)) {
        reading_.complain(element, "choices", "the choice '", excerpt(choice), "' is not ",
                          domain.phrase());
      }
    }
    domain.choices = choices;
  }

  /// The given value, else the default. False when neither can be used.
  bool decide_value(const XmlElement& element, const Domain& domain, ParameterModel& parameter) {
    if (reading_.document().found.contains({element.number, "type"})) return false;
    const auto fallback = reading_.words(element, "default");
    if (fallback) parameter.default_value = *fallback;
    const bool fallback_fits = fallback && domain.parse(*fallback);
    if (fallback && !fallback_fits) {
      reading_.complain_value(element, "default", *fallback, text("is not ", domain.phrase()));
    }
    const auto given = given_.find(parameter.name);
    if (given == given_.end()) {
      if (element.attribute("default") == nullptr) {
        reading_.complain(element, "default", "parameter '", parameter.name,
                          "' has no default and no value; give it one by -p ", parameter.name,
                          "=…, by <set> where this document is referred to, or a default=");
      }
      return fallback_fits && use(domain, *fallback, parameter);
    }
    if (use(domain, given->second.value, parameter)) return true;
    auto place = given->second.place;
    if (place.line == 0) place = reading_.place(element);
    diagnostics_.push_back(
        {place.file, place.line,
         text(given->second.origin, ": parameter '", parameter.name, "' takes ", domain.phrase(),
              did_you_mean(given->second.value, domain.choices))});
    return false;
  }

  bool use(const Domain& domain, const std::string& words, ParameterModel& parameter) {
    auto value = domain.parse(words);
    if (!value) return false;
    parameter.value = words;
    reading_.define(parameter.name, std::move(*value));
    return true;
  }

  void complain_unknown(const std::string& name, const GivenValue& given) {
    std::vector<std::string> known;
    for (const auto& parameter : parameters_) known.push_back(parameter.name);
    const auto& shown = reading_.document().shown;
    const auto remedy = known.empty() ? text(" (", shown, " declares no parameters)")
                                      : meant_or_allowed(name, known);
    diagnostics_.push_back(
        {given.place.file, given.place.line,
         text(given.origin, ": no parameter is named '", excerpt(name), "'", remedy)});
  }

  Reading& reading_;
  const GivenValues& given_;
  Diagnostics& diagnostics_;
  std::map<std::string, int> lines_;
  std::vector<ParameterModel> parameters_;
};

}  // namespace

std::vector<ParameterModel> read_parameters(Reading& reading, const GivenValues& given,
                                            Diagnostics& diagnostics) {
  return ParameterReader(reading, given, diagnostics).run();
}

}  // namespace mvm::model
