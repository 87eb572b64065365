// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace mvm::cli {

class Arguments;

/// What a word of the command line stands for: checks and completion follow from it.
enum class WordKind {
  kAny,
  kNumber,  ///< a whole number from 0
  kFile,
  kFolder,
  kProfile,    ///< a *.mvm.xml file, or a folder that holds one
  kParameter,  ///< NAME=VALUE, the names declared by the profile
  kGroup,      ///< id of a known group
  kTask,       ///< a task of the group named before
};

/// A word that stands by its place.
struct Positional {
  std::string name;  ///< "PROFILE"
  std::string help;
  WordKind kind = WordKind::kAny;
  bool required = true;
  std::vector<std::string> choices;  ///< the only words allowed; empty: any
  bool repeats = false;              ///< any number of them; of the last one only
};

/// A word that stands by its name: `--name VALUE`, or a switch where `value` is empty.
struct Option {
  std::string name;   ///< without dashes
  char letter = 0;    ///< 0: none
  std::string value;  ///< what the value is called; empty: a switch
  std::string help;   ///< one sentence
  WordKind kind = WordKind::kAny;
  bool repeats = false;
  std::vector<std::string> choices;
};

struct Example {
  std::string command;
  std::string meaning;
};

struct ExitMeaning {
  std::string status;
  std::string meaning;
};

/// Everything about one verb. Parsing, `--help`, man pages and shell completion are all made from
/// it, so they cannot disagree.
struct Verb {
  std::string name;
  std::string summary;                   ///< one line, no full stop
  std::vector<std::string> description;  ///< paragraphs
  std::vector<Positional> positionals;
  std::vector<Option> options;  ///< without --help, which every verb has
  std::vector<Example> examples;
  std::vector<ExitMeaning> exits;
  std::function<int(const Arguments&)> run;  ///< gives the exit status
  bool internal = false;                     ///< for scripts and the build: left out of help
};

/// A verb that a later version brings; until then it is refused by name.
struct AbsentVerb {
  std::string name;
  std::string purpose;
};

struct EnvironmentVariable {
  std::string name;
  std::string meaning;
};

/// The whole command.
struct Program {
  std::string name;
  std::string version;
  std::string summary;
  std::vector<std::string> description;  ///< paragraphs
  std::vector<EnvironmentVariable> environment;
  std::vector<Verb> verbs;
  std::vector<AbsentVerb> absent;

  [[nodiscard]] const Verb* find(const std::string& verb) const;
};

}  // namespace mvm::cli
