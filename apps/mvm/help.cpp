// SPDX-License-Identifier: GPL-3.0-or-later
#include "help.hpp"

#include <algorithm>

#include <mvm/base/text.hpp>

namespace mvm::cli {
namespace {

constexpr std::size_t kWidth = 90;
constexpr std::size_t kWidestTerm = 28;

/// Breaks `words` at blanks; each line after the first begins with `indent` blanks.
std::string wrap(const std::string& words, std::size_t column, std::size_t indent) {
  std::string out;
  std::size_t at = 0;
  while (at < words.size()) {
    const auto end = std::min(words.find(' ', at), words.size());
    const auto length = end - at;
    if (at > 0) {
      if (column + 1 + length > kWidth) {
        out += '\n' + std::string(indent, ' ');
        column = indent;
      } else {
        out += ' ';
        ++column;
      }
    }
    out.append(words, at, length);
    column += length;
    at = end + 1;
  }
  return out;
}

/// Terms on the left, their meanings in one column on the right.
class Definitions {
 public:
  void add(std::string term, std::string meaning) {
    rows_.emplace_back(std::move(term), std::move(meaning));
  }
  [[nodiscard]] std::string section(std::string_view title) const {
    if (rows_.empty()) return {};
    std::size_t widest = 0;
    for (const auto& [term, meaning] : rows_) {
      if (term.size() <= kWidestTerm) widest = std::max(widest, term.size());
    }
    const auto column = widest + 4;
    std::string out = text("\n", title, ":\n");
    for (const auto& [term, meaning] : rows_) {
      out += "  " + term;
      out += term.size() > widest ? '\n' + std::string(column, ' ')
                                  : std::string(column - 2 - term.size(), ' ');
      out += wrap(meaning, column, column) + '\n';
    }
    return out;
  }

 private:
  std::vector<std::pair<std::string, std::string>> rows_;
};

std::string term_of(const Option& option) {
  auto term = option.letter == 0 ? text("    --", option.name)
                                 : text("-", option.letter, ", --", option.name);
  if (!option.value.empty()) term += " " + option.value;
  return term;
}

std::string meaning_of(const std::string& help, const std::vector<std::string>& choices) {
  if (choices.empty()) return help;
  std::string words;
  for (const auto& choice : choices) words += (words.empty() ? "" : ", ") + choice;
  return text(help, " (", words, ")");
}

}  // namespace

std::string usage_line(const Program& program, const Verb& verb) {
  auto line = text(program.name, " ", verb.name);
  if (!verb.options.empty()) line += " [OPTION...]";
  for (const auto& positional : verb.positionals) {
    const auto word = positional.name + (positional.repeats ? "..." : "");
    line += positional.required ? " " + word : " [" + word + "]";
  }
  return line;
}

std::string help_text(const Program& program, const Verb& verb) {
  auto out = text("Usage: ", usage_line(program, verb), "\n\n", verb.summary, ".\n");
  for (const auto& paragraph : verb.description) out += '\n' + wrap(paragraph, 0, 0) + '\n';

  Definitions positionals;
  for (const auto& positional : verb.positionals) {
    positionals.add(positional.name, meaning_of(positional.help, positional.choices));
  }
  Definitions options;
  for (const auto& option : verb.options) {
    options.add(term_of(option), meaning_of(option.help, option.choices));
  }
  options.add("-h, --help", "Print this help.");
  out += positionals.section("Arguments") + options.section("Options");

  if (!verb.examples.empty()) out += "\nExamples:\n";
  for (const auto& example : verb.examples) {
    out += text("  ", example.command, "\n      ", wrap(example.meaning, 6, 6), "\n");
  }
  Definitions exits;
  for (const auto& exit : verb.exits) exits.add(exit.status, exit.meaning);
  return out + exits.section("Exit status");
}

std::string help_text(const Program& program) {
  auto out = text(program.name, " - ", program.summary, "\n\nUsage: ", program.name,
                  " VERB [OPTION...] [WORD...]\n");
  Definitions verbs;
  for (const auto& verb : program.verbs) {
    if (!verb.internal) verbs.add(verb.name, verb.summary + ".");
  }
  out += verbs.section("Verbs");
  Definitions options;
  options.add("-h, --help", "Print this help; after a verb, the help of that verb.");
  options.add("    --version", "Print the version.");
  out += options.section("Options");
  Definitions environment;
  for (const auto& variable : program.environment) environment.add(variable.name, variable.meaning);
  out += environment.section("Environment");
  std::string absent;
  for (const auto& verb : program.absent) absent += (absent.empty() ? "" : ", ") + verb.name;
  if (!absent.empty()) {
    out += text("\nNot available in this version:\n  ", wrap(absent, 2, 2), "\n");
  }
  out += text("\nStart with '", program.name, " init' and '", program.name, " run'.\n");
  return out;
}

}  // namespace mvm::cli
