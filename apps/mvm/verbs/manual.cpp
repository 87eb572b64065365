// SPDX-License-Identifier: GPL-3.0-or-later
#include <filesystem>

#include <mvm/base/file.hpp>

#include "arguments.hpp"
#include "complaint.hpp"
#include "man_page.hpp"
#include "verbs/verbs.hpp"

namespace mvm::cli {
namespace {

int write_manual(const Program& program, const std::filesystem::path& folder) {
  auto done = make_folder(folder);
  const auto write = [&](const std::string& name, const std::string& page) {
    if (done) done = write_file_atomically(folder / (name + ".1"), page);
  };
  write(program.name, man_page(program));
  for (const auto& verb : program.verbs) {
    if (!verb.internal) write(man_name(program, verb), man_page(program, verb));
  }
  if (done) return 0;
  complain("manual", done.error());
  return 1;
}

}  // namespace

Verb manual_verb(const Program& program) {
  return {
      .name = "manual",
      .summary = "Write the man pages into a folder",
      .positionals = {{.name = "FOLDER", .help = "Where to.", .kind = WordKind::kFolder}},
      .run =
          [&program](const Arguments& arguments) {
            return write_manual(program, arguments.value("FOLDER"));
          },
      .internal = true,
  };
}

}  // namespace mvm::cli
