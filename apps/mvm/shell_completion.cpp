// SPDX-License-Identifier: GPL-3.0-or-later
#include "shell_completion.hpp"

#include <string_view>

#include <mvm/base/text.hpp>

namespace mvm::cli {
namespace {

/// Runs before the verbs' own cases. `place` counts the positionals before the cursor;
/// `positionals` are all but the word at the cursor, since -p may stand before the profile.
constexpr std::string_view kBashHead = R"sh(# bash completion for mvm; made by 'mvm completion bash'

_mvm_choose() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$word"); }

_mvm_files() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$word")
}

_mvm_folders() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -d -- "$word")
}

_mvm_profiles() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -d -- "$word"; compgen -f -X '!*.mvm.xml' -- "$word")
}

_mvm_ask() { _mvm_choose "$("${COMP_WORDS[0]}" complete "$@" 2>/dev/null)"; }

_mvm_parameters() {
  compopt -o nospace 2>/dev/null
  _mvm_ask parameters "${positionals[0]}"
}

_mvm_groups() { _mvm_ask groups; }

_mvm_tasks() { _mvm_ask tasks "${positionals[0]}"; }

_mvm_scan() {
  positionals=() place=0
  local i
  for ((i = 2; i < ${#COMP_WORDS[@]}; i++)); do
    case ${COMP_WORDS[i]} in
      -*)
        if [[ " $1 " == *" ${COMP_WORDS[i]} "* ]]; then
          ((i++))
          while [[ ${COMP_WORDS[i+1]} == "=" ]]; do ((i += 2)); done
        fi ;;
      *)
        if ((i < COMP_CWORD)); then ((place++)); fi
        if ((i != COMP_CWORD)); then positionals+=("${COMP_WORDS[i]}"); fi ;;
    esac
  done
}

_mvm() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} place positionals
  COMPREPLY=()
  if [[ $word == "=" ]]; then word=; fi
  if [[ $previous == "=" ]]; then previous=${COMP_WORDS[COMP_CWORD-2]}; fi
)sh";

constexpr std::string_view kZshHead = R"sh(#compdef mvm
# zsh completion for mvm; made by 'mvm completion zsh'

_mvm_ask() {
  local -a found
  found=("${(@f)$(${(Q)mvm_program} complete "$@" 2>/dev/null)}")
  (( ${#found[1]} )) && compadd -S "$mvm_suffix" -a found
}

_mvm_parameters() { local mvm_suffix=; _mvm_ask parameters ${(Q)line[1]} }
_mvm_groups() { local mvm_suffix=' '; _mvm_ask groups }
_mvm_tasks() { local mvm_suffix=' '; _mvm_ask tasks ${(Q)line[1]} }
_mvm_profiles() { _files -g '*.mvm.xml' }

_mvm() {
  local curcontext=$curcontext mvm_program=$words[1]
  local -a line state verbs
)sh";

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

std::string quoted(std::string_view words) {
  std::string out = "'";
  for (const char letter : words) out += letter == '\'' ? "'\\''" : std::string(1, letter);
  return out + "'";
}

std::string bash_action(WordKind kind, const std::vector<std::string>& choices) {
  if (!choices.empty()) return "_mvm_choose " + quoted(joined(choices));
  switch (kind) {
    case WordKind::kFile:
      return "_mvm_files";
    case WordKind::kFolder:
      return "_mvm_folders";
    case WordKind::kProfile:
      return "_mvm_profiles";
    case WordKind::kParameter:
      return "_mvm_parameters";
    case WordKind::kGroup:
      return "_mvm_groups";
    case WordKind::kTask:
      return "_mvm_tasks";
    case WordKind::kAny:
    case WordKind::kNumber:
      break;
  }
  return ":";
}

std::string bash_case(const Verb& verb) {
  std::string values;
  std::string all = "--help";
  std::string cases;
  for (const auto& option : verb.options) {
    const auto longer = "--" + option.name;
    const auto letter = text("-", option.letter);
    all += " " + longer;
    if (option.value.empty()) continue;
    values += (option.letter == 0 ? "" : letter + " ") + longer + " ";
    cases += text("        ", option.letter == 0 ? "" : letter + "|", longer, ") ",
                  bash_action(option.kind, option.choices), "; return ;;\n");
  }
  auto out = text("    ", verb.name, ")\n      _mvm_scan ", quoted(values), "\n");
  if (!cases.empty()) out += text("      case $previous in\n", cases, "      esac\n");
  out += text("      if [[ $word == -* ]]; then _mvm_choose ", quoted(all), "; return; fi\n");
  out += "      case $place in\n";
  for (std::size_t i = 0; i < verb.positionals.size(); ++i) {
    const auto& positional = verb.positionals[i];
    const auto place = positional.repeats ? std::string("*") : text(i);
    out += text("        ", place, ") ", bash_action(positional.kind, positional.choices), " ;;\n");
  }
  return out + "      esac ;;\n";
}

/// A word inside a zsh `_arguments` specification, where brackets and colons have a meaning.
std::string spec(std::string_view words) {
  std::string out;
  for (const char letter : words) {
    if (letter == '[' || letter == ']' || letter == ':' || letter == '\\') out += '\\';
    out += letter;
  }
  return out;
}

std::string zsh_action(WordKind kind, const std::vector<std::string>& choices) {
  if (!choices.empty()) return "(" + joined(choices) + ")";
  switch (kind) {
    case WordKind::kFile:
      return "_files";
    case WordKind::kFolder:
      return "_files -/";
    case WordKind::kProfile:
      return "_mvm_profiles";
    case WordKind::kParameter:
      return "_mvm_parameters";
    case WordKind::kGroup:
      return "_mvm_groups";
    case WordKind::kTask:
      return "_mvm_tasks";
    case WordKind::kAny:
    case WordKind::kNumber:
      break;
  }
  return " ";
}

std::string zsh_option(const Option& option) {
  auto rest = text("[", spec(option.help), "]");
  if (!option.value.empty()) {
    rest += text(":", spec(option.value), ":", zsh_action(option.kind, option.choices));
  }
  const auto longer = "--" + option.name;
  if (option.letter == 0) return quoted((option.repeats ? "*" : "") + longer + rest);
  const auto letter = text("-", option.letter);
  const auto mark = option.repeats ? std::string("*") : text("(", letter, " ", longer, ")");
  return text(quoted(mark), "{", letter, ",", longer, "}", quoted(rest));
}

std::string zsh_case(const Verb& verb) {
  auto out = text("    ", verb.name, ")\n      _arguments -s -S");
  const auto add = [&out](const std::string& words) { out += " \\\n        " + words; };
  add(quoted("(-h --help)") + "{-h,--help}" + quoted("[Print a short help.]"));
  for (const auto& option : verb.options) add(zsh_option(option));
  for (std::size_t i = 0; i < verb.positionals.size(); ++i) {
    const auto& positional = verb.positionals[i];
    const auto place = positional.repeats ? std::string("*") : text(i + 1);
    const auto colons = positional.required || positional.repeats ? ":" : "::";
    add(quoted(text(place, colons, spec(positional.name), ":",
                    zsh_action(positional.kind, positional.choices))));
  }
  return out + " ;;\n";
}

}  // namespace

std::string bash_completion(const Program& program) {
  std::string verbs = "--help --version";
  std::string cases;
  for (const auto& verb : program.verbs) {
    if (verb.internal) continue;
    verbs += " " + verb.name;
    cases += bash_case(verb);
  }
  return text(kBashHead, "  if ((COMP_CWORD == 1)); then _mvm_choose ", quoted(verbs),
              "; return; fi\n  case ${COMP_WORDS[1]} in\n", cases, "  esac\n}\n\ncomplete -F _mvm ",
              program.name, "\n");
}

std::string zsh_completion(const Program& program) {
  std::string verbs;
  std::string cases;
  for (const auto& verb : program.verbs) {
    if (verb.internal) continue;
    verbs += "    " + quoted(text(verb.name, ":", spec(verb.summary))) + "\n";
    cases += zsh_case(verb);
  }
  return text(kZshHead, "  verbs=(\n", verbs,
              "  )\n"
              "  if (( CURRENT == 2 )); then\n"
              "    _describe -t verbs verb verbs\n"
              "    _arguments '--help[Print a short help.]' '--version[Print the version.]'\n"
              "    return\n"
              "  fi\n"
              "  local verb=$words[2]\n"
              "  shift words\n"
              "  (( CURRENT-- ))\n"
              "  case $verb in\n",
              cases,
              "  esac\n}\n\n"
              "if [[ $funcstack[1] == _mvm ]]; then _mvm \"$@\"; else compdef _mvm ",
              program.name, "; fi\n");
}

}  // namespace mvm::cli
