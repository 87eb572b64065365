// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <mvm/model/shape.hpp>

namespace mvm::model {

/// A shape as tests ask about it: who is behind which port, and how far vertices are apart.
class ShapeGraph {
 public:
  explicit ShapeGraph(Shape shape) : shape_(std::move(shape)), out_(shape_.count) {
    for (const auto& edge : shape_.edges) {
      out_[edge.from].insert(edge.to);
      behind_[{edge.from, shape_.ports[edge.from_port]}].push_back(
          {edge.to, shape_.ports[edge.to_port]});
    }
  }

  struct End {
    std::uint32_t vertex;
    std::string port;
    auto operator<=>(const End&) const = default;
  };

  [[nodiscard]] const Shape& shape() const { return shape_; }

  /// Where a message from `port` of `vertex` arrives; nothing when the port is absent.
  [[nodiscard]] std::optional<End> behind(std::uint32_t vertex, const std::string& port) const {
    const auto found = behind_.find({vertex, port});
    if (found == behind_.end() || found->second.size() != 1) return std::nullopt;
    return found->second.front();
  }

  [[nodiscard]] const std::set<std::uint32_t>& neighbours(std::uint32_t v) const { return out_[v]; }

  [[nodiscard]] std::set<std::string> sending_ports(std::uint32_t v) const {
    std::set<std::string> ports;
    for (const auto& [end, ends] : behind_) {
      if (end.vertex == v) ports.insert(end.port);
    }
    return ports;
  }

  /// Steps from `start` to each vertex along edges; nothing where no path leads.
  [[nodiscard]] std::vector<std::optional<std::uint32_t>> distances(std::uint32_t start) const {
    std::vector<std::optional<std::uint32_t>> steps(shape_.count);
    std::vector<std::uint32_t> front = {start};
    steps[start] = 0;
    for (std::size_t i = 0; i < front.size(); ++i) {
      for (const auto next : out_[front[i]]) {
        if (steps[next]) continue;
        steps[next] = *steps[front[i]] + 1;
        front.push_back(next);
      }
    }
    return steps;
  }

  /// In one piece, whichever way the edges point.
  [[nodiscard]] bool connected() const {
    auto both_ways = shape_;
    for (const auto& edge : shape_.edges) {
      both_ways.edges.push_back({edge.to, edge.from, edge.to_port, edge.from_port});
    }
    return std::ranges::all_of(ShapeGraph(std::move(both_ways)).distances(0),
                               [](const auto& steps) { return steps.has_value(); });
  }

  /// The longest of all shortest paths; nothing when some vertex cannot be reached.
  [[nodiscard]] std::optional<std::uint32_t> diameter() const {
    std::uint32_t longest = 0;
    for (std::uint32_t v = 0; v < shape_.count; ++v) {
      for (const auto& steps : distances(v)) {
        if (!steps) return std::nullopt;
        longest = std::max(longest, *steps);
      }
    }
    return longest;
  }

 private:
  Shape shape_;
  std::vector<std::set<std::uint32_t>> out_;
  std::map<End, std::vector<End>> behind_;
};

}  // namespace mvm::model
