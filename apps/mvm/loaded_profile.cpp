// SPDX-License-Identifier: GPL-3.0-or-later
#include "loaded_profile.hpp"

#include "complaint.hpp"

namespace mvm::cli {
namespace {

model::ReadOptions read_options(const Arguments& arguments) {
  model::ReadOptions options;
  options.profile_folders = model::default_profile_folders();
  options.schema = model::default_schema();
  for (const auto& words : arguments.values("parameter")) {
    const auto equals = words.find('=');
    options.parameters[words.substr(0, equals)] = words.substr(equals + 1);
  }
  return options;
}

}  // namespace

Positional profile_positional() {
  return {.name = "PROFILE",
          .help = "A profile (*.mvm.xml), or the folder that holds it.",
          .kind = WordKind::kProfile};
}

Option parameter_option() {
  return {.name = "parameter",
          .letter = 'p',
          .value = "NAME=VALUE",
          .help = "Give a parameter of the profile another value. May be repeated.",
          .kind = WordKind::kParameter,
          .repeats = true};
}

std::optional<model::Profile> read_profile(std::string_view verb, const Arguments& arguments) {
  const auto file = model::find_profile(arguments.value("PROFILE"));
  if (!file) {
    complain(verb, file.error());
    return {};
  }
  auto profile = model::read_profile(*file, read_options(arguments));
  if (!profile) {
    complain(profile.error());
    return {};
  }
  return std::move(*profile);
}

std::optional<LoadedProfile> load_profile(std::string_view verb, const Arguments& arguments) {
  const auto file = model::find_profile(arguments.value("PROFILE"));
  if (!file) {
    complain(verb, file.error());
    return {};
  }
  auto loaded = model::load_profile(*file, read_options(arguments), model::usable_cores());
  if (!loaded) {
    complain(loaded.error());
    return {};
  }
  return std::move(*loaded);
}

}  // namespace mvm::cli
