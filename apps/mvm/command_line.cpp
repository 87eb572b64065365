// SPDX-License-Identifier: GPL-3.0-or-later
#include "command_line.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include <mvm/base/diagnostic.hpp>
#include <mvm/base/file.hpp>
#include <mvm/run/group_outcome.hpp>

#include "complaint.hpp"
#include "help.hpp"

namespace mvm::cli {
namespace {

using run::exit_status::kRefused;
using run::exit_status::kSuccess;
using run::exit_status::kUsage;

/// CLI11 binds variables, so each option and positional gets one here until all words are read.
struct Slot {
  std::string name;
  std::vector<std::string> values;  ///< of an option, or a positional that repeats
  std::string word;                 ///< of a positional
  const CLI::Option* option = nullptr;
  bool is_switch = false;
};

std::string flags_of(const Option& option) {
  const auto longer = "--" + option.name;
  return option.letter == 0 ? longer : text("-", option.letter, ",", longer);
}

std::vector<std::string> option_names(const Verb& verb) {
  std::vector<std::string> names = {"--help"};
  for (const auto& option : verb.options) names.push_back("--" + option.name);
  return names;
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : std::string(separator)) + word;
  return out;
}

Result<void> check_value(const std::string& shown, const std::string& value, WordKind kind,
                         const std::vector<std::string>& choices) {
  if (!choices.empty() && std::ranges::find(choices, value) == choices.end()) {
    return fail(ErrorCode::kUsage, shown, " cannot be '", value,
                "'; choose one of: ", joined(choices, ", "));
  }
  if (kind == WordKind::kParameter && value.find('=') == std::string::npos) {
    return fail(ErrorCode::kUsage, shown, " '", value, "' has no '='; write ", shown,
                " NAME=VALUE");
  }
  if (kind == WordKind::kNumber &&
      (value.empty() || value.size() > 9 ||
       !std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; }))) {
    return fail(ErrorCode::kUsage, shown, " '", value, "' is not a whole number");
  }
  return {};
}

Result<void> check_values(const Verb& verb, const Arguments& arguments) {
  for (const auto& option : verb.options) {
    if (option.value.empty()) continue;
    for (const auto& value : arguments.values(option.name)) {
      const auto shown = option.letter == 0 ? "--" + option.name : text("-", option.letter);
      if (auto checked = check_value(shown, value, option.kind, option.choices); !checked) {
        return checked;
      }
    }
  }
  for (const auto& positional : verb.positionals) {
    for (const auto& value : arguments.values(positional.name)) {
      auto checked = check_value(positional.name, value, positional.kind, positional.choices);
      if (!checked) return checked;
    }
    if (positional.required && !arguments.has(positional.name)) {
      return fail(ErrorCode::kUsage, positional.name, " is missing: ", positional.help);
    }
  }
  return {};
}

Result<void> refuse_leftovers(const Verb& verb, const std::vector<std::string>& leftovers) {
  // CLI11 counts the mark between options and other words among them.
  const auto first = std::ranges::find_if(leftovers, [](const auto& w) { return w != "--"; });
  if (first == leftovers.end()) return {};
  const auto& word = *first;
  if (word.starts_with('-') && word != "-") {
    const auto name = word.substr(0, word.find('='));
    return fail(ErrorCode::kUsage, "unknown option '", name, "'",
                did_you_mean(name, option_names(verb)));
  }
  return fail(ErrorCode::kUsage, "unexpected word '", word, "'");
}

int print_help(const std::string& words) {
  return write_all(STDOUT_FILENO, words) ? kSuccess : 1;
}

int run_verb(const Program& program, const Verb& verb, const std::vector<std::string>& words) {
  // Asked for anywhere before a `--`, help wins over whatever else is wrong.
  const auto end = std::ranges::find(words, "--");
  if (std::any_of(words.begin(), end, [](const auto& w) { return w == "--help" || w == "-h"; })) {
    return print_help(help_text(program, verb));
  }
  const auto arguments = parse(verb, words);
  if (!arguments) {
    complain(text(program.name, " ", verb.name, ": ", arguments.error().message, "\n  see '",
                  program.name, " ", verb.name, " --help'"));
    return kUsage;
  }
  return verb.run(*arguments);
}

int refuse_verb(const Program& program, const std::string& word) {
  for (const auto& absent : program.absent) {
    if (absent.name != word) continue;
    complain(text(program.name, " ", word, ": not available in this version (", program.version,
                  "); it is to ", absent.purpose));
    return kRefused;
  }
  std::vector<std::string> names;
  for (const auto& verb : program.verbs) {
    if (!verb.internal) names.push_back(verb.name);
  }
  const std::string_view what = word.starts_with('-') ? "option" : "verb";
  complain(text(program.name, ": unknown ", what, " '", word, "'", did_you_mean(word, names),
                "\n  see '", program.name, " --help'"));
  return kUsage;
}

}  // namespace

const Verb* Program::find(const std::string& verb) const {
  const auto found = std::ranges::find(verbs, verb, &Verb::name);
  return found == verbs.end() ? nullptr : &*found;
}

Result<Arguments> parse(const Verb& verb, const std::vector<std::string>& words) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::vector<Slot> slots(verb.options.size() + verb.positionals.size());
  auto slot = slots.begin();
  try {
    for (const auto& option : verb.options) {
      slot->name = option.name;
      slot->is_switch = option.value.empty();
      // One value each time it is given: a list would swallow the positionals behind it.
      slot->option = slot->is_switch ? app.add_flag(flags_of(option))
                                     : app.add_option(flags_of(option), slot->values)
                                           ->allow_extra_args(false)
                                           ->type_name(option.value);
      ++slot;
    }
    for (const auto& positional : verb.positionals) {
      slot->name = positional.name;
      slot->option = positional.repeats ? app.add_option(positional.name, slot->values)
                                        : app.add_option(positional.name, slot->word);
      ++slot;
    }
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::Error& error) {
    return fail(ErrorCode::kUsage, error.what());
  }
  if (auto refused = refuse_leftovers(verb, app.remaining()); !refused) {
    return fail(refused.error());
  }
  Arguments arguments;
  for (auto& read : slots) {
    if (read.option->count() == 0) continue;
    if (read.is_switch) arguments.add(read.name, {});
    const bool one_word = read.option->get_positional() && read.values.empty();
    if (one_word) arguments.add(read.name, std::move(read.word));
    for (auto& value : read.values) arguments.add(read.name, std::move(value));
  }
  if (auto checked = check_values(verb, arguments); !checked) return fail(checked.error());
  return arguments;
}

int execute(const Program& program, const std::vector<std::string>& words) {
  if (words.empty()) {
    complain(help_text(program));
    return kUsage;
  }
  const auto& first = words.front();
  if (first == "--help" || first == "-h") return print_help(help_text(program));
  if (first == "--version") return print_help(text(program.name, " ", program.version, "\n"));
  if (first == "help") {
    const auto* verb = words.size() > 1 ? program.find(words[1]) : nullptr;
    if (verb != nullptr) return print_help(help_text(program, *verb));
    return words.size() > 1 ? refuse_verb(program, words[1]) : print_help(help_text(program));
  }
  const auto* verb = program.find(first);
  if (verb == nullptr) return refuse_verb(program, first);
  return run_verb(program, *verb, {words.begin() + 1, words.end()});
}

}  // namespace mvm::cli
