// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <mvm/model/shape.hpp>

namespace mvm::model {

/// Collects the ports, edges and positions of one shape.
class ShapeBuilder {
 public:
  explicit ShapeBuilder(std::uint32_t count) { shape_.count = count; }

  /// Adds a port name and returns its index.
  std::uint32_t port(std::string name) {
    shape_.ports.push_back(std::move(name));
    return static_cast<std::uint32_t>(shape_.ports.size() - 1);
  }
  /// Adds `count` names, "d0", "d1", …, and returns the index of the first.
  std::uint32_t numbered_ports(std::string_view word, std::uint32_t count);

  void one_way(std::uint32_t from, std::uint32_t from_port, std::uint32_t to,
               std::uint32_t to_port) {
    shape_.edges.push_back({from, to, from_port, to_port});
  }
  /// One edge each way: `a_port` is how `a` sees `b`.
  void two_way(std::uint32_t a, std::uint32_t a_port, std::uint32_t b, std::uint32_t b_port) {
    one_way(a, a_port, b, b_port);
    one_way(b, b_port, a, a_port);
  }

  /// From now on each call of `position` adds one number; `rank` of them belong to a vertex.
  void rank(std::uint32_t rank) { shape_.rank = rank; }
  void position(std::uint32_t number) { shape_.positions.push_back(number); }

  [[nodiscard]] Shape take() { return std::move(shape_); }

 private:
  Shape shape_;
};

/// kLimit when a shape would have too many edges, or its busiest task too many ports. Asked before
/// anything is allocated. `what` names the shape in the message: "a complete graph of 70000".
[[nodiscard]] Result<void> check_size(std::string_view what, std::uint64_t edges,
                                      std::uint64_t ports);

/// "8 or 16": the sizes next to `count` in a growing family, size(1), size(2), …
template <typename Size>
[[nodiscard]] std::string nearest_sizes(std::uint64_t count, const Size& size) {
  std::uint64_t step = 1;
  while (size(step) <= count) ++step;
  const std::string above = std::to_string(size(step));
  return step == 1 ? above : std::to_string(size(step - 1)) + " or " + above;
}

}  // namespace mvm::model
