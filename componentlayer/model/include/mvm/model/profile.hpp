// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
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

enum class CommandFormat : std::uint8_t { kLines, kFrames };

[[nodiscard]] std::string_view to_string(CommandFormat format);  ///< the profile's word

/// `<command …>`: an unmodified program as a task. MVM's wrapper program runs it; `TaskSpec::
/// arguments` of its tasks are the wrapper's: first `--stdin=PORT` and `--stdout=PORT` as far as
/// they are written, then `--format=lines` or `--format=frames`, then `--`, the line, and the
/// arguments of the job.
struct CommandModel {
  std::string line;         ///< for `sh -c`; may hold `${…}` like the arguments of the job
  std::string input_port;   ///< whose messages it reads as standard input; empty: none
  std::string output_port;  ///< that sends what it writes to standard output; empty: none
  CommandFormat format = CommandFormat::kLines;  ///< one message per line, or length and bytes
  Place place;
};

/// One job: a program, in source form or as a command, and how many tasks of it run.
/// The words of `arguments`, `inputs`, `outputs` and `environment` may hold `${…}` over
/// parameters, `index` and `count`; they are expanded per task when the plan is made.
struct JobModel {
  std::string name;
  std::uint32_t count = 1;
  Execution execution = Execution::kProcess;
  Bytes stack = 256_KiB;                       ///< of each fiber
  std::vector<std::filesystem::path> sources;  ///< absolute, globs expanded, readable
  std::optional<CommandModel> command;         ///< instead of sources
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
  std::optional<queue::Spread> spread;  ///< nothing: as the queues' type says, else one-to-one
  std::uint32_t weight = 1;
  Place place;
};

/// `<open port=… to=…/>` or `<open port=… from=…/>`: a port of the group for programs outside.
/// Statements of one port and direction add up.
struct OpenStatement {
  std::string port;    ///< its name outside; "outside.jobs" in queue rules and messages
  bool enters = true;  ///< to=: its messages enter the group; from=: they leave it
  EndSelector end;     ///< the tasks and port that it leads to
  std::optional<queue::Spread> spread;  ///< of to=, as in a link
  std::optional<Duration> linger;  ///< of from=; nothing: as another statement of the port says
  Place place;
};

/// A task of `<topology root=…>`: the root of its job's team, and the first of everyone's.
struct RootStatement {
  std::string job;
  std::uint32_t index = 0;
  Place place;
};

/// The word of `type=`: which message is received next, and how the link that feeds the queue
/// spreads where the word says so.
struct QueueTypeWord {
  queue::QueueType type = queue::QueueType::kFifo;
  std::string plugin;                   ///< name, of kCustom
  std::optional<queue::Spread> spread;  ///< `shared` and `each`, which are fifo otherwise
  bool operator==(const QueueTypeWord&) const = default;
};

/// One word of `codec=`.
struct CodecWord {
  queue::CodecKind kind = queue::CodecKind::kRaw;
  std::int32_t level = 0;  ///< of compression; 0: the codec's own default
  std::string plugin;      ///< name, of kCustom
  bool operator==(const CodecWord&) const = default;
};

/// `<queue on=… …/>`: settings for the queues whose receiving end the selector names. Only what is
/// written is set; rules merge, and the more specific wins.
struct QueueRule {
  std::string job;                     ///< "*": any; "outside": programs outside of the group
  std::optional<std::uint32_t> index;  ///< nothing: any
  std::string port;                    ///< "*": any; may end in '*'
  std::optional<QueueTypeWord> type;
  bool type_varies = false;  ///< it is an expression, or could not be read: settings that only
                             ///< other types know may stand beside it
  std::optional<queue::Overflow> overflow;
  std::optional<std::uint32_t> capacity;
  std::optional<Bytes> bytes;
  std::optional<std::uint32_t> levels;
  std::optional<bool> drop_late;
  std::optional<Duration> time_to_live;  ///< 0: for ever
  std::optional<Duration> interval;      ///< 1 / rate; 0: no limit
  std::optional<Duration> latency;
  std::optional<Duration> jitter;
  std::optional<std::uint64_t> bits_per_second;  ///< 0: no limit
  std::optional<std::uint32_t> loss_ppb;
  std::optional<std::uint64_t> seed;
  std::optional<std::vector<CodecWord>> codecs;  ///< a list replaces a list; empty: raw
  std::optional<queue::Transport> transport;
  std::string words;  ///< the selector as written, for messages
  Place place;
};

/// `<codec name=…>` or `<type name=…>` of `<queues>`: a user's own codec or queue type, as source.
struct PluginModel {
  std::string name;  ///< unique among codecs and types
  bool is_codec = true;
  std::vector<std::filesystem::path> sources;  ///< absolute, globs expanded, readable
  BuildOptions build;
  std::filesystem::path folder;  ///< of the document that declares it
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

/// What follows when the tasks of a group wait for each other in a circle.
enum class DeadlockAction : std::uint8_t {
  kEnd,     ///< it is reported, and the group ended
  kReport,  ///< it is reported
  kIgnore,  ///< nobody looks for it
};

struct PolicyModel {
  PlacementBy placement = PlacementBy::kTopology;
  bool pin = true;        ///< tasks to cores
  Duration wall_time{0};  ///< 0: none
  Duration grace = std::chrono::seconds(5);
  Duration build_time = std::chrono::minutes(5);
  std::optional<Bytes> memory;  ///< per task
  bool end_on_failure = true;
  DeadlockAction deadlock = DeadlockAction::kEnd;
  Duration reconnect = std::chrono::seconds(20);  ///< a broken link is mended for so long
  bool trusted_network = false;  ///< direct links between hosts are not encrypted
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
  std::vector<OpenStatement> openings;
  std::vector<RootStatement> roots;  ///< at most one per job
  std::vector<PluginModel> plugins;
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

/// Names that no job can have: they stand for programs outside, and for the team of all tasks.
inline constexpr std::string_view kOutsideJob = "outside";
inline constexpr std::string_view kEveryone = "everyone";

/// Limits of a document, each an error of its own.
inline constexpr Bytes kMaxDocument = 4_MiB;
inline constexpr std::uint32_t kMaxDepth = 64;  ///< elements inside elements
inline constexpr std::uint32_t kMaxJobs = 10'000;
inline constexpr std::uint32_t kMaxTasks = 1'000'000;
inline constexpr std::uint32_t kMaxDiagnostics = 100;  ///< then "and more"
/// How long a group whose tasks have ended stays for who dequeues, where the profile says nothing.
inline constexpr std::chrono::seconds kDefaultLinger{10};
inline constexpr std::chrono::hours kMaxLinger{30 * 24};

inline constexpr std::uint32_t kMaxOpenings = 1000;  ///< one thread serves all of them, in turn
inline constexpr std::uint32_t kMaxPlugins = 100;    ///< each is compiled, and loaded by tasks

}  // namespace mvm::model
