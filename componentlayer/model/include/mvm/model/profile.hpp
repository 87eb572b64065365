// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mvm/base/diagnostic.hpp>
#include <mvm/base/units.hpp>
#include <mvm/model/expression.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::model {

/// Where a statement stands, so that later checks can point at it.
struct Place {
  std::string file;  ///< as the user named it, or as it was found for a `ref`
  int line = 0;
};

enum class Execution : std::uint8_t { kProcess, kFiber };

/// How a job's sources become a program.
struct BuildOptions {
  std::string compiler = "g++";    ///< g++ or clang++, or a path or versioned name of one
  std::string standard = "c++20";  ///< for -std=
  std::string optimize = "2";      ///< 0 1 2 3 s g
  std::vector<std::pair<std::string, std::string>> defines;  ///< name, value ("" for none)
  std::vector<std::filesystem::path> include_folders;        ///< absolute
  std::vector<std::string> libraries;                        ///< names for -l
  std::vector<std::string> flags;                            ///< further compiler flags, as written
};

/// One job: a program in source form and how many tasks of it run.
/// The words of `arguments`, `inputs`, `outputs` and `environment` may hold `${…}` over
/// parameters, `index` and `count`; they are expanded per task when the plan is made.
struct JobModel {
  std::string name;
  std::uint32_t count = 1;
  Execution execution = Execution::kProcess;
  std::vector<std::filesystem::path> sources;  ///< absolute, globs expanded, readable
  BuildOptions build;
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::string> inputs;   ///< relative to `folder` unless absolute
  std::vector<std::string> outputs;  ///< globs relative to the task's directory
  std::filesystem::path folder;      ///< of the document that declares the job
  Scope scope;                       ///< parameters of that document
  Place place;
};

enum class GraphKind : std::uint8_t {
  kPipeline,
  kLine,
  kRing,
  kStar,
  kTree,
  kMesh,
  kTorus,
  kHypercube,
  kButterfly,
  kComplete,
  kBipartite,
  kRandomRegular,
  kFile,
};

[[nodiscard]] std::string_view to_string(GraphKind kind);          ///< the profile's word
[[nodiscard]] const std::vector<std::string>& graph_kind_words();  ///< all of them, in order
[[nodiscard]] std::optional<GraphKind> parse_graph_kind(std::string_view word);

/// `<graph kind=… over=…>`: one shape over the tasks of one or several jobs, in the order named.
struct GraphStatement {
  GraphKind kind = GraphKind::kPipeline;
  std::vector<std::string> over;        ///< job names
  std::vector<std::uint32_t> dims;      ///< mesh, torus; empty: as square as the count allows, 2-D
  std::optional<std::uint32_t> arity;   ///< tree; default 2
  std::optional<std::uint32_t> stages;  ///< butterfly; default from the count
  std::optional<std::uint32_t> degree;  ///< random-regular; default 3
  std::uint64_t seed = 1;               ///< random-regular
  std::filesystem::path href;           ///< file: absolute path of a GraphML or DOT file
  std::string prefix;                   ///< put before each port name
  std::uint32_t weight = 1;             ///< of its edges, for placement
  Place place;
};

/// The tasks and port that one end of a link names: `job.port`, `job[2].port`, `job[*].port`.
struct EndSelector {
  std::string job;
  std::optional<std::uint32_t> index;  ///< nothing: every task of the job
  std::string port;
};

/// `<link from=… to=… spread=…/>`.
struct LinkStatement {
  EndSelector from;
  EndSelector to;
  queue::Spread spread = queue::Spread::kOneToOne;
  std::uint32_t weight = 1;
  Place place;
};

/// `<queue on=… …/>`: settings for the queues whose receiving end the selector names. Only what is
/// written is set; rules merge, and the more specific wins.
struct QueueRule {
  std::string job;                     ///< "*": any
  std::optional<std::uint32_t> index;  ///< nothing: any
  std::string port;                    ///< "*": any; may end in '*'
  std::optional<queue::QueueType> type;
  std::optional<queue::Overflow> overflow;
  std::optional<std::uint32_t> capacity;
  std::optional<Bytes> bytes;
  std::string words;  ///< the selector as written, for messages
  Place place;
};

/// `<machines …/>`: a number of like machines.
struct MachinesStatement {
  std::uint32_t count = 1;
  std::string kind = "process";  ///< only kinds that exist pass validation
  std::optional<std::uint32_t> cpus;
  std::optional<Bytes> memory;
  Place place;
};

enum class PlacementBy : std::uint8_t { kTopology, kRoundRobin, kPacked };

struct PolicyModel {
  PlacementBy placement = PlacementBy::kTopology;
  bool pin = true;        ///< tasks to cores
  Duration wall_time{0};  ///< 0: none
  Duration grace = std::chrono::seconds(5);
  Duration build_time = std::chrono::minutes(5);
  std::optional<Bytes> memory;  ///< per task
  bool end_on_failure = true;
};

/// A declared parameter with the value it has in this reading.
struct ParameterModel {
  std::string name;
  std::string type;   ///< int float string bool
  std::string value;  ///< as text
  std::string default_value;
  std::string description;
};

/// A profile as a value: schema and references checked, parameters applied, every `${}` outside of
/// the per-task words evaluated.
struct Profile {
  std::string name;
  std::filesystem::path file;  ///< absolute
  std::vector<ParameterModel> parameters;
  std::vector<JobModel> jobs;
  std::vector<GraphStatement> graphs;
  std::vector<LinkStatement> links;
  std::vector<QueueRule> queues;
  std::vector<MachinesStatement> machines;  ///< empty: one process machine
  PolicyModel policy;

  [[nodiscard]] const JobModel* find_job(std::string_view name) const;
  [[nodiscard]] std::size_t task_count() const;
};

/// How to read a profile.
struct ReadOptions {
  std::map<std::string, std::string> parameters;       ///< -p name=value
  std::vector<std::filesystem::path> profile_folders;  ///< for `ref=`, after the file's own folder
  std::filesystem::path schema;                        ///< profile.xsd
};

/// Where `ref=` is looked up by default: the user's folder, then the installed one.
[[nodiscard]] std::vector<std::filesystem::path> default_profile_folders();

/// The installed `profile.xsd`, or the one of the source tree when run from a build tree.
[[nodiscard]] std::filesystem::path default_schema();

/// `words` is a profile's file, or a folder that holds exactly one `*.mvm.xml` (or one that has the
/// folder's name, or `profile.mvm.xml`). kNotFound and kUsage tell what was looked for.
[[nodiscard]] Result<std::filesystem::path> find_profile(const std::filesystem::path& words);

/// Reads and checks a profile file. On failure all errors in one go, sorted by file and line.
/// Reads files only: no network, no entities, no DOCTYPE. Thread safe.
[[nodiscard]] std::expected<Profile, Diagnostics> read_profile(const std::filesystem::path& file,
                                                               const ReadOptions& options);

/// The same for a profile that is already in memory; relative names resolve against `folder`.
[[nodiscard]] std::expected<Profile, Diagnostics> read_profile_text(
    std::string_view xml, const std::string& shown_name, const std::filesystem::path& folder,
    const ReadOptions& options);

/// Limits of a document, each an error of its own.
inline constexpr Bytes kMaxDocument = 4_MiB;
inline constexpr std::uint32_t kMaxDepth = 64;  ///< elements inside elements
inline constexpr std::uint32_t kMaxJobs = 10'000;
inline constexpr std::uint32_t kMaxTasks = 1'000'000;
inline constexpr std::uint32_t kMaxDiagnostics = 100;  ///< then "and more"

}  // namespace mvm::model
