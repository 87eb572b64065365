// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/base/units.hpp>
#include <mvm/model/profile.hpp>

namespace mvm::model {

/// A shape is a graph over anonymous vertices whose edge ends have port names: what
/// `<graph kind=…>` lays over the tasks of its jobs. The names, and who is whose neighbour:
///
///     pipeline        in out          one way: v.out to (v+1).in
///     line            left right      v.right and (v+1).left
///     ring            prev next       v.next and (v+1 mod count).prev
///     star            hub leaf0…      vertex 0 is the hub; its leafK is vertex K+1
///     tree            parent child0…  heap order: childK of v is vertex arity * v + 1 + K
///     mesh, torus     x- x+ y- y+ z- z+ d3- d3+ …   vertex = x + width * (y + height * z …)
///     hypercube       d0…             dK leads to the vertex whose number differs in bit K
///     butterfly       in0 in1 out0 out1   one way, (stages+1) ranks of 2^stages rows; vertex =
///                     stage * 2^stages + row; out0 goes straight to (stage+1, row).in0, out1
///                     across to (stage+1, row with bit `stage` flipped).in1
///     complete, bipartite, random-regular   n0…     neighbours in the order of their numbers
///     file            the edge's port attributes, else n0… in the order of the file
///
/// Two-way shapes make two directed edges per pair of neighbours, and one port at each end.
struct ShapeRequest {
  GraphKind kind = GraphKind::kRing;
  std::uint32_t count = 0;          ///< vertices
  std::uint32_t first_part = 0;     ///< bipartite: vertices of the first side; 0: half of them
  std::vector<std::uint32_t> dims;  ///< mesh, torus; empty: 2-D, as square as the count allows
  std::uint32_t arity = 2;          ///< tree
  std::uint32_t stages = 0;         ///< butterfly; 0: from the count
  std::uint32_t degree = 3;         ///< random-regular
  std::uint64_t seed = 1;           ///< random-regular; the same graph on every platform
  std::filesystem::path href;       ///< file: GraphML (.graphml, .xml) or DOT (.dot, .gv)
};

/// A directed edge between anonymous vertices.
struct ShapeEdge {
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  std::uint32_t from_port = 0;  ///< index into Shape::ports
  std::uint32_t to_port = 0;
  bool operator==(const ShapeEdge&) const = default;
};

struct Shape {
  std::uint32_t count = 0;
  std::vector<ShapeEdge> edges;
  std::vector<std::string> ports;        ///< in the documented order, each once
  std::uint32_t rank = 0;                ///< coordinates per vertex; 0: the shape has none
  std::vector<std::uint32_t> positions;  ///< rank numbers per vertex

  /// The position of a vertex: (x, y, …) in mesh and torus, the bits from d0 in a hypercube,
  /// (stage, row) in a butterfly; {vertex} where the shape has none.
  [[nodiscard]] std::vector<std::uint32_t> coordinates(std::uint32_t vertex) const;
};

/// Errors: kInvalidProfile with the reason and the nearest counts that would fit, or the graph
/// file's file:line; kLimit for a shape over a limit; kNotFound for a missing graph file.
[[nodiscard]] Result<Shape> make_shape(const ShapeRequest& request);

/// The ports of a kind at which edges arrive, whatever its count; '#' stands for a number. `rank`
/// is how many dims= a mesh or torus has; 0: none are written, so 2. Empty where only the graph
/// file knows.
[[nodiscard]] std::vector<std::string> receiving_ports(GraphKind kind, std::size_t rank);

/// Limits of one topology. Ten million queues are beyond the memory of any host we know.
inline constexpr std::uint64_t kMaxEdges = 10'000'000;
inline constexpr std::size_t kMaxDimensions = 32;
inline constexpr Bytes kMaxGraphFile = 256_MiB;

}  // namespace mvm::model
