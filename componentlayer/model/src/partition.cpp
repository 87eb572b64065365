// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/model/partition.hpp>

#include <metis.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>

namespace mvm::model {

namespace {

constexpr std::uint32_t kNoVertex = std::numeric_limits<std::uint32_t>::max();

// Vertices times neighbours up to which METIS tries several partitions and keeps the best, and
// exchanges are searched: a few milliseconds. Larger graphs get one try, and no exchanges.
constexpr std::size_t kSmallGraph = 4'500'000;  // a torus of 32 x 32
constexpr idx_t kTriesForSmallGraphs = 8;
constexpr idx_t kSeed = 1;

/// An undirected weighted graph as METIS wants it: the neighbours of vertex v are
/// neighbours[first[v] … first[v+1]), each once.
struct Adjacency {
  std::vector<idx_t> first;
  std::vector<idx_t> neighbours;
  std::vector<idx_t> weights;

  [[nodiscard]] std::size_t size() const { return first.size() - 1; }
  [[nodiscard]] bool is_small() const { return size() * neighbours.size() <= kSmallGraph; }
};

struct HalfEdge {
  std::uint32_t from;
  std::uint32_t to;
  std::uint64_t weight;
};

/// Both directions of each edge between two different ones of `vertices`, renumbered.
std::vector<HalfEdge> half_edges(const Topology& topology,
                                 const std::vector<std::uint32_t>& vertices) {
  std::vector<std::uint32_t> number(topology.vertices.size(), kNoVertex);
  for (std::uint32_t i = 0; i < vertices.size(); ++i) number[vertices[i]] = i;
  std::vector<HalfEdge> halves;
  for (const auto& edge : topology.edges) {
    const auto from = number[edge.from];
    const auto to = number[edge.to];
    if (from == to || from == kNoVertex || to == kNoVertex) continue;
    const std::uint64_t weight = std::max(edge.weight, 1u);
    halves.push_back({from, to, weight});
    halves.push_back({to, from, weight});
  }
  return halves;
}

Adjacency adjacency(std::size_t count, std::vector<HalfEdge> halves) {
  std::ranges::sort(halves, {},
                    [](const HalfEdge& half) { return std::uint64_t{half.from} << 32 | half.to; });
  // METIS adds weights in 32 bits: scale them so that all together fit.
  std::uint64_t total = 0;
  for (const auto& half : halves) total += half.weight;
  const std::uint64_t divisor = total / (std::numeric_limits<idx_t>::max() / 2) + 1;

  Adjacency graph;
  graph.first.assign(count + 1, 0);
  for (std::size_t i = 0; i < halves.size();) {
    const auto [from, to, ignored] = halves[i];
    std::uint64_t weight = 0;
    for (; i < halves.size() && halves[i].from == from && halves[i].to == to; ++i) {
      weight += halves[i].weight;
    }
    graph.neighbours.push_back(static_cast<idx_t>(to));
    graph.weights.push_back(static_cast<idx_t>(std::max<std::uint64_t>(weight / divisor, 1)));
    ++graph.first[from + 1];
  }
  std::partial_sum(graph.first.begin(), graph.first.end(), graph.first.begin());
  return graph;
}

using Parts = std::vector<std::uint32_t>;

/// Each part filled in turn, up to its quota.
Parts fill_in_turn(std::size_t count, const std::vector<std::uint32_t>& quota) {
  Parts parts;
  parts.reserve(count);
  for (std::uint32_t p = 0; p < quota.size(); ++p) {
    parts.insert(parts.end(), std::min<std::size_t>(quota[p], count - parts.size()), p);
  }
  return parts;
}

/// Recursive bisection, because it numbers parts so that neighbours in number are close.
std::optional<Parts> by_metis(Adjacency& graph, const std::vector<std::uint32_t>& quota) {
  std::vector<real_t> targets;
  const auto total = std::accumulate(quota.begin(), quota.end(), std::uint64_t{0});
  for (const auto share : quota) {
    targets.push_back(static_cast<real_t>(share) / static_cast<real_t>(total));
  }
  idx_t options[METIS_NOPTIONS];
  METIS_SetDefaultOptions(options);
  options[METIS_OPTION_SEED] = kSeed;
  options[METIS_OPTION_NCUTS] = graph.is_small() ? kTriesForSmallGraphs : 1;
  options[METIS_OPTION_UFACTOR] = 1;  // parts within a thousandth of their target
  auto vertices = static_cast<idx_t>(graph.size());
  auto wanted = static_cast<idx_t>(quota.size());
  idx_t constraints = 1;
  idx_t cut = 0;
  std::vector<idx_t> parts(graph.size());
  const int status = METIS_PartGraphRecursive(
      &vertices, &constraints, graph.first.data(), graph.neighbours.data(), nullptr, nullptr,
      graph.weights.data(), &wanted, targets.data(), nullptr, options, &cut, parts.data());
  if (status != METIS_OK) return std::nullopt;
  return Parts(parts.begin(), parts.end());
}

/// Improves a partition by moves and exchanges of single vertices.
class Refinement {
 public:
  Refinement(const Adjacency& graph, const std::vector<std::uint32_t>& quota, Parts parts)
      : graph_(graph), quota_(quota), parts_(std::move(parts)), sizes_(quota.size(), 0) {
    for (const auto part : parts_) ++sizes_[part];
  }

  /// METIS balances well, but not always exactly: moves the cheapest vertices out of parts that
  /// are over their quota. Quotas hold all vertices, so there is always room elsewhere.
  void balance() {
    for (std::uint32_t part = 0; part < sizes_.size(); ++part) {
      if (sizes_[part] <= quota_[part]) continue;
      std::vector<Move> moves;
      for (std::uint32_t v = 0; v < parts_.size(); ++v) {
        if (parts_[v] == part) moves.push_back(best_way_out(v));
      }
      std::ranges::sort(moves, [](const Move& a, const Move& b) {
        return a.gain != b.gain ? a.gain > b.gain : a.vertex < b.vertex;
      });
      for (std::size_t i = 0; sizes_[part] > quota_[part]; ++i) {
        move(moves[i].vertex, best_way_out(moves[i].vertex).to);
      }
    }
  }

  /// Moves to parts with room, and exchanges between two parts, as long as one lowers the cut.
  void improve() {
    for (bool better = true; better;) {
      better = false;
      for (std::uint32_t v = 0; v < parts_.size(); ++v) better |= improve_by(v);
    }
  }

  Parts take() { return std::move(parts_); }

 private:
  struct Move {
    std::uint32_t vertex;
    std::uint32_t to;
    std::int64_t gain;
  };

  std::int64_t weight_to(std::uint32_t vertex, std::uint32_t part) const {
    std::int64_t weight = 0;
    for (auto i = begin(vertex); i < end(vertex); ++i) {
      if (parts_[neighbour(i)] == part) weight += graph_.weights[i];
    }
    return weight;
  }
  std::int64_t weight_between(std::uint32_t a, std::uint32_t b) const {
    for (auto i = begin(a); i < end(a); ++i) {
      if (neighbour(i) == b) return graph_.weights[i];
    }
    return 0;
  }

  /// To the part with room that `v` has most weight to.
  Move best_way_out(std::uint32_t v) const {
    Move best{v, parts_[v], std::numeric_limits<std::int64_t>::min()};
    for (std::uint32_t to = 0; to < sizes_.size(); ++to) {
      if (to == parts_[v] || sizes_[to] >= quota_[to]) continue;
      const auto gain = weight_to(v, to) - weight_to(v, parts_[v]);
      if (gain > best.gain) best = {v, to, gain};
    }
    return best;
  }

  /// Tries to bring `v` to each part where it has a neighbour.
  bool improve_by(std::uint32_t v) {
    const auto from = parts_[v];
    const auto here = weight_to(v, from);
    for (std::uint32_t to = 0; to < sizes_.size(); ++to) {
      const auto there = to == from ? 0 : weight_to(v, to);
      if (there == 0) continue;
      if (there > here && sizes_[to] < quota_[to]) {
        move(v, to);
        return true;
      }
      if (const auto partner = partner_for(v, to, there - here)) {
        move(v, to);
        move(*partner, from);
        return true;
      }
    }
    return false;
  }

  /// A vertex of part `to` whose exchange with `v` lowers the cut.
  std::optional<std::uint32_t> partner_for(std::uint32_t v, std::uint32_t to,
                                           std::int64_t gain) const {
    for (std::uint32_t w = 0; w < parts_.size(); ++w) {
      if (parts_[w] != to) continue;
      const auto back = weight_to(w, parts_[v]) - weight_to(w, to);
      if (gain + back - 2 * weight_between(v, w) > 0) return w;
    }
    return std::nullopt;
  }

  void move(std::uint32_t vertex, std::uint32_t to) {
    --sizes_[parts_[vertex]];
    ++sizes_[to];
    parts_[vertex] = to;
  }

  std::size_t begin(std::uint32_t v) const { return static_cast<std::size_t>(graph_.first[v]); }
  std::size_t end(std::uint32_t v) const { return static_cast<std::size_t>(graph_.first[v + 1]); }
  std::uint32_t neighbour(std::size_t i) const {
    return static_cast<std::uint32_t>(graph_.neighbours[i]);
  }

  const Adjacency& graph_;
  const std::vector<std::uint32_t>& quota_;
  Parts parts_;
  std::vector<std::uint32_t> sizes_;
};

std::uint64_t cut_weight(const Adjacency& graph, const Parts& parts) {
  std::uint64_t cut = 0;
  for (std::size_t v = 0; v < graph.size(); ++v) {
    for (auto i = graph.first[v]; i < graph.first[v + 1]; ++i) {
      const auto at = static_cast<std::size_t>(i);
      if (parts[static_cast<std::size_t>(graph.neighbours[at])] != parts[v]) {
        cut += static_cast<std::uint64_t>(graph.weights[at]);
      }
    }
  }
  return cut;
}

Parts refined(const Adjacency& graph, const std::vector<std::uint32_t>& quota, Parts parts) {
  Refinement refinement(graph, quota, std::move(parts));
  refinement.balance();
  if (graph.is_small()) refinement.improve();
  return refinement.take();
}

}  // namespace

std::vector<std::uint32_t> quotas(std::uint32_t tasks, const std::vector<std::uint32_t>& shares) {
  const auto all = std::accumulate(shares.begin(), shares.end(), std::uint64_t{0});
  std::vector<std::uint32_t> quota;
  std::uint64_t before = 0;
  // Differences of a rounded running sum: they add up to exactly `tasks`.
  for (const auto share : shares) {
    const auto after = before + share;
    quota.push_back(static_cast<std::uint32_t>(tasks * after / all - tasks * before / all));
    before = after;
  }
  return quota;
}

std::vector<std::uint32_t> partition(const Topology& topology,
                                     const std::vector<std::uint32_t>& vertices,
                                     const std::vector<std::uint32_t>& shares) {
  const auto quota = quotas(static_cast<std::uint32_t>(vertices.size()), shares);
  auto in_turn = fill_in_turn(vertices.size(), quota);
  const auto in_use = std::ranges::count_if(quota, [](auto share) { return share > 0; });
  if (in_use < 2) return in_turn;
  auto graph = adjacency(vertices.size(), half_edges(topology, vertices));
  if (graph.neighbours.empty()) return in_turn;
  // The order of the profile is often a good one; METIS must be better than it to be taken.
  in_turn = refined(graph, quota, std::move(in_turn));
  if (std::ranges::find(quota, 0u) != quota.end()) return in_turn;  // more parts than vertices
  auto found = by_metis(graph, quota);
  if (!found) return in_turn;
  found = refined(graph, quota, *std::move(found));
  return cut_weight(graph, *found) < cut_weight(graph, in_turn) ? *found : in_turn;
}

}  // namespace mvm::model
