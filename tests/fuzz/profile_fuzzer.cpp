// SPDX-License-Identifier: GPL-3.0-or-later
// Any bytes as a profile: read, and when it is accepted, expanded. Nothing may crash, and what is
// refused must be refused with words.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>

#include <mvm/model/profile.hpp>
#include <mvm/model/topology.hpp>

namespace {

using namespace mvm;
using namespace mvm::model;

/// Holds the one source that the seeds name; made once per process and removed at its end.
struct SourceFolder {
  std::filesystem::path path;
  SourceFolder() {
    auto pattern = (std::filesystem::temp_directory_path() / "mvm-fuzz-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path = pattern;
    std::ofstream(path / "job.cpp") << "int main() {}\n";
  }
  ~SourceFolder() { std::filesystem::remove_all(path); }
};

/// Larger groups are legal, and slow under a fuzzer.
constexpr std::size_t kMostTasks = 500;

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const SourceFolder folder;
  static const ReadOptions options{{}, default_profile_folders(), default_schema()};
  const std::string_view xml(reinterpret_cast<const char*>(data), size);

  const auto profile = read_profile_text(xml, "fuzz.mvm.xml", folder.path, options);
  if (!profile) {
    check(!profile.error().empty());
    for (const auto& complaint : profile.error()) {
      check(!complaint.message.empty() && complaint.line >= 0);
    }
    return 0;
  }
  check(!profile->jobs.empty() && !profile->name.empty());
  for (const auto& job : profile->jobs) {
    check(job.count >= 1 && job.sources.empty() == job.command.has_value());
  }
  for (const auto& plugin : profile->plugins) check(!plugin.sources.empty());
  if (profile->task_count() > kMostTasks) return 0;
  const auto topology = expand_topology(*profile);
  if (!topology) check(!topology.error().empty());
  return 0;
}
