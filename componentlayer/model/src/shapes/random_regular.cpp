// SPDX-License-Identifier: GPL-3.0-or-later
// A random graph in which each vertex has `degree` neighbours: simple always, connected whenever
// the degree allows it (from 2). A regular ring lattice is shuffled by exchanging the ends of
// pairs of edges, which keeps every degree; then the components, if several, are joined by
// exchanges that cannot fail. So it ends for every request, and the seed alone decides the result.
#include <numeric>
#include <optional>
#include <unordered_set>

#include "shapes/neighbour_ports.hpp"
#include "shapes/shape_builder.hpp"
#include "shapes/shapes.hpp"

namespace mvm::model {

namespace {

// After this many exchanges tried per edge, fewer than one edge in a thousand was never touched.
constexpr std::uint64_t kExchangesPerEdge = 4;

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers on every platform, unlike the
/// distributions of the standard library.
class SplitMix {
 public:
  explicit SplitMix(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  /// Below `bound`; the bias of a remainder is under 2^-32 for the bounds used here.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }

 private:
  std::uint64_t state_;
};

/// Each vertex with the nearest ones on a ring, and with the one opposite for an odd degree.
std::vector<Pair> ring_lattice(std::uint32_t count, std::uint32_t degree) {
  std::vector<Pair> pairs;
  pairs.reserve(std::size_t{count} * degree / 2);
  for (std::uint32_t v = 0; v < count; ++v) {
    for (std::uint32_t step = 1; step <= degree / 2; ++step) {
      pairs.emplace_back(v, static_cast<std::uint32_t>((std::uint64_t{v} + step) % count));
    }
    if (degree % 2 == 1 && v < count / 2) pairs.emplace_back(v, v + count / 2);
  }
  return pairs;
}

constexpr std::uint64_t key_of(std::uint32_t a, std::uint32_t b) {
  return a < b ? std::uint64_t{a} << 32 | b : std::uint64_t{b} << 32 | a;
}

/// Exchanges ends of random pairs of edges: a–b and c–d become a–c and b–d, unless an edge would
/// join a vertex to itself or be there twice.
void shuffle(std::vector<Pair>& pairs, SplitMix& random) {
  std::unordered_set<std::uint64_t> present;
  present.reserve(pairs.size() * 2);
  for (const auto& [a, b] : pairs) present.insert(key_of(a, b));
  for (std::uint64_t i = 0; i < kExchangesPerEdge * pairs.size(); ++i) {
    auto& one = pairs[random.below(pairs.size())];
    auto& two = pairs[random.below(pairs.size())];
    if (random.below(2) == 1) std::swap(two.first, two.second);
    const auto [a, b] = one;
    const auto [c, d] = two;
    if (a == c || b == d || a == d || b == c) continue;
    if (present.contains(key_of(a, c)) || present.contains(key_of(b, d))) continue;
    present.erase(key_of(a, b));
    present.erase(key_of(c, d));
    present.insert(key_of(a, c));
    present.insert(key_of(b, d));
    one = {a, c};
    two = {b, d};
  }
}

class Components {
 public:
  explicit Components(std::uint32_t count) : parent_(count) {
    std::iota(parent_.begin(), parent_.end(), 0u);
  }
  std::uint32_t find(std::uint32_t v) {
    while (parent_[v] != v) v = parent_[v] = parent_[parent_[v]];
    return v;
  }
  /// False when they were one already.
  bool join(std::uint32_t a, std::uint32_t b) {
    a = find(a);
    b = find(b);
    parent_[a] = b;
    return a != b;
  }

 private:
  std::vector<std::uint32_t> parent_;
};

/// Joins all components. With degrees from 2, each component has an edge that closes a cycle.
/// Exchanging such an edge a–b of one component with such a c–d of another, for a–c and b–d,
/// leaves both connected and joins them twice; so b–d closes a cycle again, for the next exchange.
void connect(std::uint32_t count, std::vector<Pair>& pairs) {
  constexpr auto kNone = ~std::size_t{0};
  Components components(count);
  std::vector<std::size_t> closing;
  for (std::size_t e = 0; e < pairs.size(); ++e) {
    if (!components.join(pairs[e].first, pairs[e].second)) closing.push_back(e);
  }
  std::vector<std::size_t> closing_of(count, kNone);  // by component
  for (const auto e : closing) closing_of[components.find(pairs[e].first)] = e;
  auto joined = kNone;
  for (const auto e : closing_of) {
    if (e == kNone) continue;
    if (joined != kNone) {
      std::swap(pairs[joined].second, pairs[e].first);  // a–b, c–d: now a–c, b–d
    }
    joined = e;
  }
}

Result<void> check_degree(const ShapeRequest& request) {
  const auto [count, degree] = std::pair{request.count, request.degree};
  if (degree == 0) {
    return fail(ErrorCode::kInvalidProfile, "a random-regular graph has a degree of at least 1");
  }
  if (degree >= count) {
    return fail(ErrorCode::kInvalidProfile, "a vertex among ", count, " cannot have ", degree,
                " neighbours: use at least ", degree + 1ull, " tasks, or a lower degree");
  }
  if (std::uint64_t{count} * degree % 2 == 1) {
    return fail(ErrorCode::kInvalidProfile, "no graph of ", count, " vertices has degree ", degree,
                " everywhere, both being odd: ", count - 1, " or ", count + 1,
                " tasks would fit, or an even degree");
  }
  return check_size(text("a random-regular graph of ", count, " with degree ", degree),
                    std::uint64_t{count} * degree, degree);
}

}  // namespace

Result<Shape> make_random_regular(const ShapeRequest& request) {
  if (auto fits = check_degree(request); !fits) return fail(fits.error());
  auto pairs = ring_lattice(request.count, request.degree);
  SplitMix random(request.seed);
  shuffle(pairs, random);
  if (request.degree >= 2) connect(request.count, pairs);
  return number_neighbours(request.count, std::move(pairs));
}

}  // namespace mvm::model
