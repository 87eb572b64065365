// SPDX-License-Identifier: GPL-3.0-or-later
// From the text of a profile to the value that the rest of MVM works on.
#include <algorithm>
#include <tuple>

#include <mvm/base/file.hpp>
#include <mvm/model/profile.hpp>

#include "document_library.hpp"
#include "job_names.hpp"
#include "job_reader.hpp"
#include "parameters.hpp"
#include "schema.hpp"
#include "settings_reader.hpp"
#include "topology_reader.hpp"

namespace mvm::model {
namespace {

/// By file and line, each once, at most kMaxDiagnostics.
Diagnostics in_order(Diagnostics diagnostics) {
  const auto key = [](const Diagnostic& d) { return std::tie(d.file, d.line, d.message); };
  std::ranges::stable_sort(diagnostics, {}, key);
  const auto repeated = std::ranges::unique(diagnostics, {}, key);
  diagnostics.erase(repeated.begin(), repeated.end());
  if (diagnostics.size() > kMaxDiagnostics) {
    const auto more = diagnostics.size() - kMaxDiagnostics;
    diagnostics.resize(kMaxDiagnostics);
    diagnostics.push_back({diagnostics.back().file, 0, text("and ", more, " more")});
  }
  return diagnostics;
}

GivenValues command_line_values(const ReadOptions& options, const std::string& shown) {
  GivenValues given;
  for (const auto& [name, value] : options.parameters) {
    given[name] = {value, text("-p ", name, "=", value), Place{shown, 0}};
  }
  return given;
}

class ProfileReader {
 public:
  ProfileReader(const Document& document, DocumentLibrary& library, Diagnostics& diagnostics)
      : root_(document.root),
        reading_(document, diagnostics),
        library_(library),
        diagnostics_(diagnostics) {
    reading_.chain.push_back(document.shown);
  }

  Profile run(const GivenValues& given) {
    if (root_.name != "profile") {
      reading_.complain(root_, "", "<", root_.name,
                        "> is a document to refer to by ref=; what "
                        "runs is a <profile>");
      return {};
    }
    if (const auto* name = root_.attribute("name")) profile_.name = name->value;
    profile_.parameters = read_parameters(reading_, given, diagnostics_);
    read_jobs();
    for (const auto& child : root_.children) {
      if (child.name == "topology") read_topology(child, reading_, library_, jobs_, profile_);
      if (child.name == "queues") read_queues(child, reading_, jobs_, profile_);
      if (child.name == "cluster") read_cluster(child, reading_, library_, profile_);
      if (child.name == "policy") read_policy(child, reading_, profile_.policy);
    }
    return std::move(profile_);
  }

 private:
  void read_jobs() {
    std::uint64_t tasks = 0;
    for (const auto& child : root_.children) {
      if (child.name != "job") continue;
      if (profile_.jobs.size() == kMaxJobs) {
        reading_.complain(child, "", "the profile has more than ", kMaxJobs, " jobs");
        return;
      }
      auto job = read_job(child, reading_, library_);
      tasks += job.count;
      if (job.name.empty()) {
        jobs_.add_unreadable();
      } else if (const auto* first = jobs_.find(job.name)) {
        reading_.complain(child, "name", "job '", job.name, "' is declared twice, first in line ",
                          first->line, "; rename one");
      } else {
        jobs_.add(job.name, job.count, job.place);
      }
      profile_.jobs.push_back(std::move(job));
    }
    if (tasks > kMaxTasks) {
      reading_.complain(root_, "", "the profile has ", tasks, " tasks; at most ", kMaxTasks,
                        " are possible: lower a count");
    }
  }

  const XmlElement& root_;
  Reading reading_;
  DocumentLibrary& library_;
  Diagnostics& diagnostics_;
  JobNames jobs_;
  Profile profile_;
};

}  // namespace

std::expected<Profile, Diagnostics> read_profile(const std::filesystem::path& file,
                                                 const ReadOptions& options) {
  const auto xml = read_file(file, kMaxDocument);
  if (!xml) return std::unexpected(Diagnostics{{file.string(), 0, xml.error().message}});
  const auto absolute = std::filesystem::absolute(file).lexically_normal();
  auto profile = read_profile_text(*xml, file.string(), absolute.parent_path(), options);
  if (profile) profile->file = absolute;
  return profile;
}

std::expected<Profile, Diagnostics> read_profile_text(std::string_view xml,
                                                      const std::string& shown_name,
                                                      const std::filesystem::path& folder,
                                                      const ReadOptions& options) {
  const auto schema = Schema::load(options.schema);
  if (!schema) return std::unexpected(Diagnostics{{shown_name, 0, schema.error().message}});
  Diagnostics diagnostics;
  DocumentLibrary library(**schema, options.profile_folders, diagnostics);
  Profile profile;
  if (const auto* document = library.add(xml, shown_name, folder)) {
    ProfileReader reader(*document, library, diagnostics);
    profile = reader.run(command_line_values(options, shown_name));
  }
  if (!diagnostics.empty()) return std::unexpected(in_order(std::move(diagnostics)));
  return profile;
}

}  // namespace mvm::model
