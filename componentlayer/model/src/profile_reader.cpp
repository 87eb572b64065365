// SPDX-License-Identifier: GPL-3.0-or-later
// From the text of a profile to the value that the rest of MVM works on.
#include <utility>

#include <mvm/base/file.hpp>
#include <mvm/model/profile.hpp>

#include "document_library.hpp"
#include "job_names.hpp"
#include "job_reader.hpp"
#include "parameters.hpp"
#include "profile_draft.hpp"
#include "queue_rule_reader.hpp"
#include "report.hpp"
#include "schema.hpp"
#include "settings_reader.hpp"
#include "topology_reader.hpp"

namespace mvm::model {
namespace {

GivenValues command_line_values(const ReadOptions& options, const std::string& shown) {
  GivenValues given;
  for (const auto& [name, value] : options.parameters) {
    given[name] = {value, text("-p ", name, "=", value), Place{shown, 0}};
  }
  return given;
}

/// The element that a misspelt child of `<profile>` was meant to be, or an empty view.
std::string_view meant_element(const XmlElement& child) {
  static const std::vector<std::string> known{"param",  "job",     "topology",
                                              "queues", "cluster", "policy"};
  return nearest(child.name, known);
}

class ProfileReader {
 public:
  ProfileReader(const Document& document, DocumentLibrary& library, ProfileDraft& draft)
      : root_(document.root),
        reading_(document, draft.complaints),
        library_(library),
        draft_(draft),
        profile_(draft.profile) {
    reading_.chain.push_back(document.shown);
  }

  void run(const GivenValues& given) {
    if (root_.name != "profile") {
      reading_.complain(root_, "", "<", root_.name,
                        "> is a document to refer to by ref=; what "
                        "runs is a <profile>");
      return;
    }
    if (const auto* name = root_.attribute("name")) profile_.name = name->value;
    note_misspelt_elements();
    profile_.parameters = read_parameters(reading_, given, draft_.complaints);
    read_jobs();
    read_topologies();
    for (const auto& child : root_.children) {
      if (child.name == "queues") read_queues(child, reading_, jobs_, profile_);
      if (child.name == "cluster") read_cluster(child, reading_, library_, profile_);
      if (child.name == "policy") read_policy(child, reading_, profile_.policy);
    }
  }

 private:
  /// The schema complains about them; what they would have declared is not missed as well.
  void note_misspelt_elements() {
    for (const auto& child : root_.children) {
      const auto meant = meant_element(child);
      if (meant == child.name) continue;
      const auto* name = child.attribute("name");
      if (meant == "param" && name != nullptr) reading_.define_unknown(name->value);
      if (meant == "job" || child.child("source") || child.child("command")) {
        jobs_.add_unreadable();
      }
      if (meant == "topology" || child.child("graph")) draft_.gaps.add_any_port();
    }
  }

  void read_jobs() {
    std::uint64_t tasks = 0;
    for (const auto& child : root_.children) {
      if (child.name != "job") continue;
      if (reading_.has_enough()) {
        jobs_.add_unreadable();
        break;
      }
      if (profile_.jobs.size() == kMaxJobs) {
        reading_.complain(child, "", "the profile has more than ", kMaxJobs, " jobs");
        jobs_.add_unreadable();
        break;
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
        profile_.jobs.push_back(std::move(job));
      }
    }
    if (tasks > kMaxTasks) refuse_tasks(tasks);
  }

  void refuse_tasks(std::uint64_t tasks) {
    reading_.complain(root_, "", "the profile has ", tasks, " tasks; at most ", kMaxTasks,
                      " are possible: lower a count");
    for (auto& job : profile_.jobs) job.count = 0;  // whichever of them is meant
  }

  /// Only one is allowed. Further ones are read for their own mistakes, and not laid over the
  /// first.
  void read_topologies() {
    const auto* first = root_.child("topology");
    if (first == nullptr) return;
    read_topology(*first, reading_, library_, jobs_, draft_);
    for (const auto& child : root_.children) {
      if (child.name != "topology" || &child == first) continue;
      ProfileDraft surplus;
      read_topology(child, reading_, library_, jobs_, surplus);
      draft_.gaps.add_any_port();
    }
  }

  const XmlElement& root_;
  Reading reading_;
  DocumentLibrary& library_;
  ProfileDraft& draft_;
  Profile& profile_;
  JobNames jobs_;
};

std::expected<Profile, Diagnostics> whole(ProfileDraft draft) {
  if (draft.complaints.empty()) return std::move(draft.profile);
  return std::unexpected(report(std::move(draft.complaints)));
}

}  // namespace

ProfileDraft draft_profile(const std::filesystem::path& file, const ReadOptions& options) {
  const auto xml = read_file(file, kMaxDocument);
  if (!xml) return {{}, {}, {{file.string(), 0, xml.error().message}}};
  const auto absolute = std::filesystem::absolute(file).lexically_normal();
  auto draft = draft_profile_text(*xml, file.string(), absolute.parent_path(), options);
  draft.profile.file = absolute;
  return draft;
}

ProfileDraft draft_profile_text(std::string_view xml, const std::string& shown_name,
                                const std::filesystem::path& folder, const ReadOptions& options) {
  ProfileDraft draft;
  const auto schema = Schema::load(options.schema);
  if (!schema) {
    draft.complaints.push_back({shown_name, 0, schema.error().message});
    return draft;
  }
  DocumentLibrary library(**schema, options.profile_folders, draft.complaints);
  if (const auto* document = library.add(xml, shown_name, folder)) {
    ProfileReader(*document, library, draft).run(command_line_values(options, shown_name));
  }
  return draft;
}

std::expected<Profile, Diagnostics> read_profile(const std::filesystem::path& file,
                                                 const ReadOptions& options) {
  return whole(draft_profile(file, options));
}

std::expected<Profile, Diagnostics> read_profile_text(std::string_view xml,
                                                      const std::string& shown_name,
                                                      const std::filesystem::path& folder,
                                                      const ReadOptions& options) {
  return whole(draft_profile_text(xml, shown_name, folder, options));
}

}  // namespace mvm::model
