// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/model/topology.hpp>

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "expansion.hpp"
#include "report.hpp"
#include "rule_match.hpp"

namespace mvm::model {

namespace {

/// How a message leaves a port that a graph file gives to several edges.
constexpr auto kSharedPortSpread = queue::Spread::kEach;

/// A run of vertices: all tasks of a job, or one of them.
struct TaskRange {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

class Expansion {
 public:
  Expansion(const Profile& profile, Gaps& gaps, Diagnostics& complaints)
      : profile_(profile), gaps_(gaps), complaints_(complaints) {
    std::uint32_t job = 0;
    for (const auto& model : profile.jobs) {
      jobs_.emplace(model.name, job);
      job_names_.push_back(model.name);
      first_vertex_.push_back(static_cast<std::uint32_t>(topology_.vertices.size()));
      for (std::uint32_t index = 0; index < model.count; ++index) {
        topology_.vertices.push_back({job, index, {}});
      }
      ++job;
    }
  }

  /// Adds the edges of a graph or link, or a gap where there should be some.
  template <typename Statement>
  void add(const Statement& statement) {
    if (!expand(statement, next_statement_++)) gaps_.add(statement);
  }
  void add(const OpenStatement& open, std::uint32_t number) {
    if (!expand(open, number)) gaps_.add(open);
  }
  Topology finish();

 private:
  template <typename... Pieces>
  void complain(const Place& place, const Pieces&... pieces) {
    complaints_.push_back({place.file, place.line, text(pieces...)});
  }

  bool expand(const GraphStatement& graph, std::uint32_t statement);
  bool expand(const LinkStatement& link, std::uint32_t statement);
  bool expand(const OpenStatement& open, std::uint32_t number);
  std::optional<queue::Spread> spread_to(const EndSelector& to,
                                         std::optional<queue::Spread> written) const;
  bool check_shared(queue::Spread spread, std::uint32_t receivers, const Place& place);
  bool check_direction(const OpenStatement& open);
  void check_linger(const OpenStatement& open);
  std::optional<std::uint32_t> job_number(const std::string& name, const Place& place);
  std::optional<std::vector<std::uint32_t>> vertices_under(const GraphStatement& graph);
  std::optional<std::vector<std::uint32_t>> intern_ports(const GraphStatement& graph,
                                                         const Shape& shape);
  bool claim_ports(const GraphStatement& graph, std::uint32_t statement,
                   const std::vector<std::uint32_t>& vertices,
                   const std::vector<std::uint32_t>& ports, const Shape& shape);
  std::optional<TaskRange> tasks_at(const EndSelector& end, const Place& place);
  bool has_room_for(std::uint64_t edges, const Place& place);
  std::optional<std::uint32_t> intern(const std::string& port, const Place& place);

  const Profile& profile_;
  Gaps& gaps_;
  Diagnostics& complaints_;
  Topology topology_;
  std::uint32_t next_statement_ = 0;
  std::unordered_map<std::string, std::uint32_t> jobs_;
  std::vector<std::string> job_names_;
  std::vector<std::uint32_t> first_vertex_;  // by job
  std::unordered_map<std::string, std::uint32_t> port_numbers_;
  std::unordered_map<std::uint64_t, std::uint32_t> claims_;        // (job, port) to its graph
  std::unordered_map<std::string, const OpenStatement*> opened_;   // the first of each port
  std::unordered_map<std::string, const OpenStatement*> lingers_;  // the first that names a time
};

std::optional<std::uint32_t> Expansion::job_number(const std::string& name, const Place& place) {
  const auto known = jobs_.find(name);
  if (known != jobs_.end()) return known->second;
  const auto meant = did_you_mean(name, job_names_);
  complain(place, "unknown job '", name, "'", meant.empty() ? ": declare it by <job>" : meant);
  return std::nullopt;
}

std::optional<std::uint32_t> Expansion::intern(const std::string& port, const Place& place) {
  if (port.empty() || port.size() > kMaxPortName) {
    complain(place, "a port's name has 1 to ", kMaxPortName, " bytes, this one ", port.size(),
             ": choose another");
    return std::nullopt;
  }
  if (port.starts_with(queue::kHiddenMark)) {
    complain(place, "port '", port,
             "' begins with '@', like those that MVM makes for itself: ", "choose another name");
    return std::nullopt;
  }
  const auto next = static_cast<std::uint32_t>(topology_.ports.size());
  const auto [known, added] = port_numbers_.try_emplace(port, next);
  if (added) topology_.ports.push_back(port);
  return known->second;
}

bool Expansion::has_room_for(std::uint64_t edges, const Place& place) {
  const auto all = topology_.edges.size() + topology_.open_edges.size() + edges;
  if (all <= kMaxEdges) return true;
  complain(place, "the topology would have ", all, " edges; at most ", kMaxEdges,
           " are possible: use fewer tasks or a sparser shape");
  return false;
}

// ---- graphs ----

std::optional<std::vector<std::uint32_t>> Expansion::vertices_under(const GraphStatement& graph) {
  if (graph.over.empty()) {
    complain(graph.place, "a graph lies over at least one job: write over=\"JOB …\"");
    return std::nullopt;
  }
  std::vector<std::uint32_t> vertices;
  for (std::size_t i = 0; i < graph.over.size(); ++i) {
    const auto job = job_number(graph.over[i], graph.place);
    if (!job) return std::nullopt;
    const auto earlier = graph.over.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(graph.over.begin(), earlier, graph.over[i]) != earlier) {
      complain(graph.place, "job '", graph.over[i], "' is named twice in over=: once is enough");
      return std::nullopt;
    }
    const auto count = profile_.jobs[*job].count;
    if (count == 0) return std::nullopt;  // not known
    for (std::uint32_t index = 0; index < count; ++index) {
      vertices.push_back(first_vertex_[*job] + index);
    }
  }
  return vertices;
}

/// "'cell'", or "'cell' and 'rim'".
std::string job_words(const std::vector<std::string>& names) {
  std::string words;
  for (const auto& name : names) words += text(words.empty() ? "" : " and ", "'", name, "'");
  return words;
}

/// `first_part` is the count of the first of several jobs: the first side of a bipartite graph.
ShapeRequest request_for(const GraphStatement& graph, std::uint32_t count,
                         std::uint32_t first_part) {
  ShapeRequest request;
  request.kind = graph.kind;
  request.count = count;
  if (graph.over.size() > 1) request.first_part = first_part;
  request.dims = graph.dims;
  request.arity = graph.arity.value_or(request.arity);
  request.stages = graph.stages.value_or(request.stages);
  request.degree = graph.degree.value_or(request.degree);
  request.seed = graph.seed;
  request.href = graph.href;
  return request;
}

std::optional<std::vector<std::uint32_t>> Expansion::intern_ports(const GraphStatement& graph,
                                                                  const Shape& shape) {
  std::vector<std::uint32_t> ports;
  ports.reserve(shape.ports.size());
  for (const auto& name : shape.ports) {
    const auto port = intern(graph.prefix + name, graph.place);
    if (!port) return std::nullopt;
    ports.push_back(*port);
  }
  return ports;
}

/// Two graphs may not give one job the same port: nobody could tell which neighbour is meant.
bool Expansion::claim_ports(const GraphStatement& graph, std::uint32_t statement,
                            const std::vector<std::uint32_t>& vertices,
                            const std::vector<std::uint32_t>& ports, const Shape& shape) {
  if (profile_.graphs.size() < 2) return true;
  const auto claim = [&](std::uint32_t vertex, std::uint32_t port) {
    const auto job = topology_.vertices[vertices[vertex]].job;
    const auto owner = claims_.try_emplace(std::uint64_t{job} << 32 | ports[port], statement);
    if (owner.first->second == statement) return true;
    const auto& other = profile_.graphs[owner.first->second];
    complain(graph.place, "this ", to_string(graph.kind), " gives job '", job_names_[job],
             "' the port '", topology_.ports[ports[port]], "', which it has from the ",
             to_string(other.kind), " at ", other.place.file, ":", other.place.line,
             ": give one of them a prefix=");
    return false;
  };
  return std::ranges::all_of(shape.edges, [&](const ShapeEdge& edge) {
    return claim(edge.from, edge.from_port) && claim(edge.to, edge.to_port);
  });
}

/// Ports of a graph file that send over several edges. Every other shape has one edge per port.
std::unordered_map<std::uint64_t, std::uint32_t> edges_per_port(const Shape& shape) {
  std::unordered_map<std::uint64_t, std::uint32_t> edges;
  for (const auto& edge : shape.edges) ++edges[std::uint64_t{edge.from} << 32 | edge.from_port];
  return edges;
}

bool Expansion::expand(const GraphStatement& graph, std::uint32_t statement) {
  const auto vertices = vertices_under(graph);
  if (!vertices) return false;
  const auto count = static_cast<std::uint32_t>(vertices->size());
  const auto first_part = profile_.jobs[jobs_.at(graph.over.front())].count;
  const auto shape = make_shape(request_for(graph, count, first_part));
  if (!shape) {
    complain(graph.place, to_string(graph.kind), " over ", job_words(graph.over), ": ",
             shape.error().message);
    return false;
  }
  if (!has_room_for(shape->edges.size(), graph.place)) return false;
  const auto ports = intern_ports(graph, *shape);
  if (!ports || !claim_ports(graph, statement, *vertices, *ports, *shape)) return false;

  std::unordered_map<std::uint64_t, std::uint32_t> sharing;
  if (graph.kind == GraphKind::kFile) sharing = edges_per_port(*shape);
  for (const auto& edge : shape->edges) {
    const auto same_port = sharing.find(std::uint64_t{edge.from} << 32 | edge.from_port);
    const bool several = same_port != sharing.end() && same_port->second > 1;
    topology_.edges.push_back({(*vertices)[edge.from], (*vertices)[edge.to],
                               (*ports)[edge.from_port], (*ports)[edge.to_port], statement,
                               graph.weight,
                               several ? kSharedPortSpread : queue::Spread::kOneToOne});
  }
  if (shape->rank == 0) return true;
  for (std::uint32_t v = 0; v < count; ++v) {
    auto& coordinates = topology_.vertices[(*vertices)[v]].coordinates;
    if (coordinates.empty()) coordinates = shape->coordinates(v);
  }
  return true;
}

// ---- links ----

std::optional<TaskRange> Expansion::tasks_at(const EndSelector& end, const Place& place) {
  const auto job = job_number(end.job, place);
  if (!job) return std::nullopt;
  if (end.port.find('*') != std::string::npos) {
    complain(place, "a link joins one port of each side, not '", end.port,
             "': write one link per port");
    return std::nullopt;
  }
  const auto count = profile_.jobs[*job].count;
  if (count == 0) return std::nullopt;  // not known
  if (!end.index) return TaskRange{first_vertex_[*job], count};
  if (*end.index < count) return TaskRange{first_vertex_[*job] + *end.index, 1};
  complain(place, "there is no task ", end.job, "[", *end.index, "]: job '", end.job, "' has ",
           count, count == 1 ? " task" : " tasks", ", numbered from 0");
  return std::nullopt;
}

bool Expansion::expand(const LinkStatement& link, std::uint32_t statement) {
  const auto from = tasks_at(link.from, link.place);
  const auto to = tasks_at(link.to, link.place);
  if (!from || !to) return false;
  const auto spread = spread_to(link.to, link.spread);
  if (!spread) return false;
  const bool pairwise = *spread == queue::Spread::kOneToOne;
  if (pairwise && from->count != to->count) {
    complain(link.place, "a one-to-one link needs as many senders as receivers, but ",
             link.from.job, ".", link.from.port, " stands for ", from->count, " and ", link.to.job,
             ".", link.to.port, " for ", to->count, ": make them equal, name one task of each (",
             link.to.job,
             "[0]), or choose spread=\"each\", \"round-robin\", \"shared\" or \"hash\"");
    return false;
  }
  if (!check_shared(*spread, to->count, link.place)) return false;
  const auto edges = pairwise ? from->count : std::uint64_t{from->count} * to->count;
  const auto from_port = intern(link.from.port, link.place);
  const auto to_port = intern(link.to.port, link.place);
  if (!from_port || !to_port || !has_room_for(edges, link.place)) return false;

  for (std::uint32_t i = 0; i < from->count; ++i) {
    const auto begin = pairwise ? i : 0;
    const auto end = pairwise ? i + 1 : to->count;
    for (auto j = begin; j < end; ++j) {
      topology_.edges.push_back(
          {from->first + i, to->first + j, *from_port, *to_port, statement, link.weight, *spread});
    }
  }
  return true;
}

/// What the statement says, else what the queues at the other end are. Nothing: somebody complained
/// about those.
std::optional<queue::Spread> Expansion::spread_to(const EndSelector& to,
                                                  std::optional<queue::Spread> written) const {
  if (written) return written;
  const auto wanted = wanted_spread(profile_, to);
  return wanted.known ? std::optional(wanted.spread) : std::nullopt;
}

bool Expansion::check_shared(queue::Spread spread, std::uint32_t receivers, const Place& place) {
  if (spread != queue::Spread::kShared || receivers <= queue::kMaxListLength) return true;
  complain(place, "a shared queue has at most ", queue::kMaxListLength, " receivers, this one ",
           receivers, ": use spread=\"round-robin\" or fewer tasks");
  return false;
}

// ---- open ports ----

/// Programs outside either enqueue to a port or dequeue from it.
bool Expansion::check_direction(const OpenStatement& open) {
  const auto [first, added] = opened_.try_emplace(open.port, &open);
  if (added || first->second->enters == open.enters) return true;
  const auto& place = first->second->place;
  complain(open.place, "port '", open.port, "' is opened by ",
           open.enters ? "to=" : "from=", " here and by ", open.enters ? "from=" : "to=", " at ",
           place.file, ":", place.line, ": give each direction a name of its own");
  return false;
}

/// A port waits as a whole. What is wrong about the time leaves the edges as they are.
void Expansion::check_linger(const OpenStatement& open) {
  if (!open.linger) return;
  const auto [first, added] = lingers_.try_emplace(open.port, &open);
  if (added || first->second->linger == open.linger) return;
  const auto& place = first->second->place;
  complain(open.place, "port '", open.port, "' has linger=\"", mvm::to_string(*open.linger),
           "\" here and linger=\"", mvm::to_string(*first->second->linger), "\" at ", place.file,
           ":", place.line, ": name one time, at one of them");
}

bool Expansion::expand(const OpenStatement& open, std::uint32_t number) {
  const auto tasks = tasks_at(open.end, open.place);
  if (!tasks || !check_direction(open)) return false;
  check_linger(open);
  const auto spread = open.enters ? spread_to(open.end, open.spread) : queue::Spread::kOneToOne;
  if (!spread) return false;
  if (open.enters && *spread == queue::Spread::kOneToOne && tasks->count > 1) {
    complain(open.place, "this port leads to ", tasks->count, " tasks: name one of them (",
             open.end.job, "[0].", open.end.port,
             "), or choose spread=\"each\", \"round-robin\", \"shared\" or \"hash\"");
    return false;
  }
  if (!check_shared(*spread, tasks->count, open.place)) return false;
  const auto outside_port = intern(open.port, open.place);
  const auto task_port = intern(open.end.port, open.place);
  if (!outside_port || !task_port || !has_room_for(tasks->count, open.place)) return false;
  for (std::uint32_t i = 0; i < tasks->count; ++i) {
    topology_.open_edges.push_back(
        {tasks->first + i, *task_port, *outside_port, number, open.enters, *spread});
  }
  return true;
}

Topology Expansion::finish() {
  for (auto& vertex : topology_.vertices) {
    if (vertex.coordinates.empty()) vertex.coordinates = {vertex.index};
  }
  return std::move(topology_);
}

}  // namespace

std::string Topology::vertex_name(const Profile& profile, std::uint32_t vertex) const {
  const auto& task = vertices[vertex];
  return text(profile.jobs[task.job].name, "[", task.index, "]");
}

std::expected<Topology, Diagnostics> expand_topology(const Profile& profile) {
  Gaps gaps;
  Diagnostics complaints;
  auto topology = expand_sound_statements(profile, gaps, complaints);
  if (!complaints.empty()) return std::unexpected(report(std::move(complaints)));
  return topology;
}

Topology expand_sound_statements(const Profile& profile, Gaps& gaps, Diagnostics& complaints) {
  std::uint64_t tasks = 0;
  for (const auto& job : profile.jobs) {
    tasks += job.count;
    if (tasks <= kMaxTasks) continue;
    complaints.push_back({job.place.file, job.place.line,
                          text("job '", job.name, "' brings the profile to ", tasks,
                               " tasks; at most ", kMaxTasks, " are possible: lower its count")});
    gaps.add_any_port();
    return {};
  }
  Expansion expansion(profile, gaps, complaints);
  for (const auto& graph : profile.graphs) expansion.add(graph);
  for (const auto& link : profile.links) expansion.add(link);
  for (std::uint32_t i = 0; i < profile.openings.size(); ++i) expansion.add(profile.openings[i], i);
  return expansion.finish();
}

}  // namespace mvm::model
