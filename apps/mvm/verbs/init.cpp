// SPDX-License-Identifier: GPL-3.0-or-later
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <mvm/base/file.hpp>
#include <mvm/base/unique_fd.hpp>

#include "arguments.hpp"
#include "complaint.hpp"
#include "profile_template.hpp"
#include "verbs/verbs.hpp"

namespace mvm::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNameMark = "@NAME@";

std::string named(std::string words, const std::string& name) {
  for (auto at = words.find(kNameMark); at != std::string::npos; at = words.find(kNameMark)) {
    words.replace(at, kNameMark.size(), name);
  }
  return words;
}

constexpr std::size_t kLongestName = 64;  ///< the schema's

/// The folder's name, as far as it can be a profile's: a letter, then letters, digits, '-', '_'.
std::string profile_name(const fs::path& folder) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  std::string name;
  for (const char letter : folder.filename().string()) {
    const bool fits = is_letter(letter) || (letter >= '0' && letter <= '9') || letter == '_';
    name += fits ? letter : '-';
  }
  if (name.empty() || !is_letter(name.front())) name = "job-" + name;
  return name.substr(0, kLongestName);
}

/// Never over a file that is there, whoever makes it at the same time.
Result<void> write_new(const fs::path& file, const std::string& content) {
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!fd) return fail_system("create ", file.string());
  return write_all(fd.get(), content);
}

Result<void> refuse_existing(const ProfileTemplate& chosen, const fs::path& folder,
                             const std::string& name) {
  for (const auto& file : chosen.files) {
    const auto path = folder / named(file.name, name);
    std::error_code error;
    if (fs::exists(fs::symlink_status(path, error))) {
      return fail(ErrorCode::kSystem, path.string(),
                  " is there already; name a new folder, or move the file away");
    }
  }
  return {};
}

Result<void> write_template(const ProfileTemplate& chosen, const fs::path& folder,
                            const std::string& name) {
  if (auto made = make_folder(folder); !made) return made;
  if (auto refused = refuse_existing(chosen, folder, name); !refused) return refused;
  for (const auto& file : chosen.files) {
    auto written = write_new(folder / named(file.name, name), named(file.content, name));
    if (!written) return written;
  }
  return {};
}

int init(const Arguments& arguments) {
  const auto wanted = arguments.has("template") ? arguments.value("template") : "ring";
  const auto& chosen = *std::ranges::find(profile_templates(), wanted, &ProfileTemplate::name);
  const fs::path folder = arguments.has("FOLDER") ? arguments.value("FOLDER") : ".";
  std::error_code error;
  const auto absolute = fs::weakly_canonical(folder, error);
  const auto name = profile_name(error ? folder : absolute);
  if (auto written = write_template(chosen, folder, name); !written) {
    complain("init", written.error());
    return 1;
  }
  if (arguments.has("quiet")) return 0;
  std::string words;
  for (const auto& file : chosen.files) {
    words += text("created ", (folder / named(file.name, name)).string(), "\n");
  }
  words += text("run it: mvm run ", folder.string(), "\n");
  return write_all(STDOUT_FILENO, words) ? 0 : 1;
}

}  // namespace

Verb init_verb() {
  std::vector<std::string> names;
  std::string help = "What to start from:";
  for (const auto& known : profile_templates()) {
    names.push_back(known.name);
    help += text(names.size() == 1 ? " " : "; ", known.name, ", ", known.summary);
  }
  return {
      .name = "init",
      .summary = "Write a small profile with its sources, to start from",
      .description = {"The profile gets the folder's name, and runs as it is. Files that are there "
                      "are never overwritten."},
      .positionals = {{.name = "FOLDER",
                       .help = "Where to; made when missing. Default: the current folder.",
                       .kind = WordKind::kFolder,
                       .required = false}},
      .options = {{.name = "template",
                   .letter = 't',
                   .value = "NAME",
                   .help = help + ". Default: ring.",
                   .choices = names},
                  {.name = "quiet", .letter = 'q', .help = "Print nothing but errors."}},
      .examples = {{"mvm init hello && mvm run hello", "From nothing to a running group."},
                   {"mvm init --template farm primes", "Start from a farm of workers."}},
      .exits = {{"0", "The files were written."},
                {"1", "A file is there already, or cannot be written."},
                {"2", "Wrong usage."}},
      .run = init,
  };
}

}  // namespace mvm::cli
