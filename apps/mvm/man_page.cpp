// SPDX-License-Identifier: GPL-3.0-or-later
#include "man_page.hpp"

#include <algorithm>
#include <string_view>

#include <mvm/base/text.hpp>

namespace mvm::cli {
namespace {

/// Text that troff shows as it is written: no escapes, no requests, real minus signs.
std::string plain(std::string_view words) {
  std::string out;
  bool line_begins = true;
  for (const char letter : words) {
    if (line_begins && (letter == '.' || letter == '\'')) out += "\\&";
    line_begins = letter == '\n';
    if (letter == '\\') {
      out += "\\e";
    } else if (letter == '-') {
      out += "\\-";
    } else if (letter == '\'') {
      out += "\\(aq";
    } else {
      out += letter;
    }
  }
  return out;
}

std::string upper(std::string words) {
  std::ranges::transform(words, words.begin(), [](char letter) {
    return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
  });
  return words;
}

std::string bold(std::string_view words) {
  return text("\\fB", plain(words), "\\fR");
}
std::string italic(std::string_view words) {
  return text("\\fI", plain(words), "\\fR");
}

/// The date stays empty, so that the same sources give the same pages.
std::string title(const Program& program, const std::string& name) {
  return text(".TH ", plain(upper(name)), " 1 \"\" \"", program.name, " ", program.version,
              "\" \"MVM\"\n");
}

std::string term(const std::string& words, const std::string& meaning) {
  return text(".TP\n", words, "\n", plain(meaning), "\n");
}

std::string with_choices(const std::string& help, const std::vector<std::string>& choices) {
  if (choices.empty()) return help;
  std::string words;
  for (const auto& choice : choices) words += (words.empty() ? "" : ", ") + choice;
  return text(help, " One of: ", words, ".");
}

std::string option_term(const Option& option) {
  auto words = option.letter == 0 ? std::string() : bold(text("-", option.letter)) + ", ";
  words += bold("--" + option.name);
  if (!option.value.empty()) words += " " + italic(option.value);
  return words;
}

std::string synopsis(const Program& program, const Verb& verb) {
  auto out = text(".SH SYNOPSIS\n", bold(program.name + " " + verb.name));
  if (!verb.options.empty()) out += text(" [", italic("OPTION"), "...]");
  for (const auto& positional : verb.positionals) {
    const auto word = italic(positional.name) + (positional.repeats ? "..." : "");
    out += positional.required ? " " + word : text(" [", word, "]");
  }
  return out + "\n";
}

}  // namespace

std::string man_name(const Program& program, const Verb& verb) {
  return program.name + "-" + verb.name;
}

std::string man_page(const Program& program, const Verb& verb) {
  const auto name = man_name(program, verb);
  auto out = title(program, name);
  out += text(".SH NAME\n", plain(name), " \\- ", plain(verb.summary), "\n");
  out += synopsis(program, verb);
  out += ".SH DESCRIPTION\n";
  out += plain(verb.summary) + ".\n";
  for (const auto& paragraph : verb.description) out += ".PP\n" + plain(paragraph) + "\n";
  for (const auto& positional : verb.positionals) {
    out += term(italic(positional.name), with_choices(positional.help, positional.choices));
  }
  out += ".SH OPTIONS\n";
  for (const auto& option : verb.options) {
    out += term(option_term(option), with_choices(option.help, option.choices));
  }
  out += term(bold("-h") + ", " + bold("--help"), "Print a short help.");
  if (!verb.examples.empty()) out += ".SH EXAMPLES\n";
  for (const auto& example : verb.examples) out += term(bold(example.command), example.meaning);
  if (!verb.exits.empty()) out += ".SH EXIT STATUS\n";
  for (const auto& exit : verb.exits) out += term(bold(exit.status), exit.meaning);
  out += text(".SH SEE ALSO\n.BR ", program.name, " (1)\n");
  return out;
}

std::string man_page(const Program& program) {
  auto out = title(program, program.name);
  out += text(".SH NAME\n", program.name, " \\- ", plain(program.summary), "\n");
  out += text(".SH SYNOPSIS\n", bold(program.name), " ", italic("VERB"), " [", italic("OPTION"),
              "...] [", italic("WORD"), "...]\n.SH DESCRIPTION\n");
  for (const auto& paragraph : program.description) out += plain(paragraph) + "\n.PP\n";
  out += "The verbs, each with a page of its own:\n";
  for (const auto& verb : program.verbs) {
    if (!verb.internal) out += term(bold(verb.name), verb.summary + ".");
  }
  out += ".SH OPTIONS\n";
  out += term(bold("-h") + ", " + bold("--help"), "Print a short help.");
  out += term(bold("--version"), "Print the version.");
  out += ".SH ENVIRONMENT\n";
  for (const auto& variable : program.environment) {
    out += term(bold(variable.name), variable.meaning);
  }
  if (!program.absent.empty()) out += ".SH NOT AVAILABLE IN THIS VERSION\n";
  for (const auto& absent : program.absent) out += term(bold(absent.name), absent.purpose + ".");
  out += ".SH SEE ALSO\n";
  std::string separator;
  for (const auto& verb : program.verbs) {
    if (verb.internal) continue;
    out += text(separator, ".BR ", plain(man_name(program, verb)), " (1)");
    separator = " ,\n";
  }
  return out + "\n";
}

}  // namespace mvm::cli
