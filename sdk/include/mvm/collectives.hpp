// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Collective operations: all tasks of a team call the same one, and each gets its part of the
/// result. <mvm/job.hpp> includes this; docs/collectives.md says more.
///
///     double sum = job.all_reduce(x, mvm::sum);
///     std::vector<double> all = job.everyone().gather(x);   // empty but at the root
///
/// A team is made of the tasks of one job, or of all tasks of the group. Its members call the same
/// operations in the same order, from one thread at a time. What they call on one team does not
/// depend on what they do on another.
///
/// Reductions combine in the order of the members' indices, from the left: ((x0 op x1) op x2) …, as
/// a loop over the members would; so the result is the same to the last bit wherever the tasks run.
/// The operation must be associative up to what you accept of rounding, and need not commute.
///
/// Blocking: every operation may block until all members have called it, none does longer.
/// Errors: `error` on all members whom it concerns when members call different operations, or with
/// other types or lengths; `closed` when a member that is waited for ended without calling. The
/// team cannot be used afterwards.

#include <cstddef>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <mvm/detail/collective_calls.hpp>
#include <mvm/detail/value_bytes.hpp>
#include <mvm/types.hpp>

namespace mvm {

// What reductions combine with: one of these, or anything that is called with two values and
// returns one.

struct Sum {
  template <typename T>
  constexpr auto operator()(const T& a, const T& b) const -> decltype(static_cast<T>(a + b)) {
    return static_cast<T>(a + b);
  }
};
struct Product {
  template <typename T>
  constexpr auto operator()(const T& a, const T& b) const -> decltype(static_cast<T>(a * b)) {
    return static_cast<T>(a * b);
  }
};
struct Min {
  template <typename T>
  constexpr auto operator()(const T& a, const T& b) const -> decltype(b < a ? b : a) {
    return b < a ? b : a;
  }
};
struct Max {
  template <typename T>
  constexpr auto operator()(const T& a, const T& b) const -> decltype(a < b ? b : a) {
    return a < b ? b : a;
  }
};
struct LogicalAnd {
  template <typename T>
  constexpr auto operator()(const T& a, const T& b) const -> decltype(static_cast<T>(a && b)) {
    return static_cast<T>(a && b);
  }
};
struct LogicalOr {
  template <typename T>
  constexpr auto operator()(const T& a, const T& b) const -> decltype(static_cast<T>(a || b)) {
    return static_cast<T>(a || b);
  }
};
struct BitAnd {
  template <typename T>
  constexpr auto operator()(const T& a, const T& b) const -> decltype(static_cast<T>(a & b)) {
    return static_cast<T>(a & b);
  }
};
struct BitOr {
  template <typename T>
  constexpr auto operator()(const T& a, const T& b) const -> decltype(static_cast<T>(a | b)) {
    return static_cast<T>(a | b);
  }
};
struct BitXor {
  template <typename T>
  constexpr auto operator()(const T& a, const T& b) const -> decltype(static_cast<T>(a ^ b)) {
    return static_cast<T>(a ^ b);
  }
};
inline constexpr Sum sum;
inline constexpr Product product;
inline constexpr Min min;
inline constexpr Max max;
inline constexpr LogicalAnd logical_and;
inline constexpr LogicalOr logical_or;
inline constexpr BitAnd bit_and;
inline constexpr BitOr bit_or;
inline constexpr BitXor bit_xor;

/// The tasks of a job, or all tasks: see `Job::team` and `Job::everyone`. Owned by the `Job`.
///
/// Values may be of any type that can be sent; all members give the same type. What reductions
/// combine is of one size at all members, unless it is a string or whatever else the operation
/// takes as a whole.
class Team {
 public:
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  MVM_API std::size_t index() const;  ///< of this task among the members, 0 … count()-1
  MVM_API std::size_t count() const;
  MVM_API std::size_t root() const;  ///< the member that rooted operations serve
  bool is_root() const { return index() == root(); }

  /// Returns when every member has called it.
  void barrier() { detail::barrier(*this); }

  /// The root's value, at all members. The others' is ignored but for its type; a plain value or
  /// array has the same size at all, sequences and strings take the root's length.
  template <typename T>
  T broadcast(T value) {
    std::string made;
    detail::Given given;
    if (is_root()) given = detail::as_given(value, made);
    detail::broadcast(*this, detail::value_tag<T>(), given, detail::take_value(value));
    return value;
  }

  /// All members' values combined, at the root; nothing elsewhere. Of sequences and arrays element
  /// by element, where the operation can be called with elements; else as a whole.
  template <typename T, typename Op>
  std::optional<T> reduce(const T& value, Op op) {
    return fold(detail::Collective::kReduce, value, op, nullptr);
  }
  /// The same at all members.
  template <typename T, typename Op>
  T all_reduce(const T& value, Op op) {
    return *fold(detail::Collective::kAllReduce, value, op, nullptr);
  }
  /// The values of the members up to this one combined, with its own.
  template <typename T, typename Op>
  T scan(const T& value, Op op) {
    return *fold(detail::Collective::kScan, value, op, nullptr);
  }
  /// `initial` and the values of the members before this one combined.
  template <typename T, typename Op>
  T exclusive_scan(const T& value, Op op, const T& initial) {
    return *fold(detail::Collective::kExclusiveScan, value, op, &initial);
  }

  /// The values of all members in the order of their indices, at the root; empty elsewhere.
  /// Sequences and strings may have different lengths.
  template <typename T>
  std::vector<T> gather(const T& value) {
    return collect(detail::Collective::kGather, value);
  }
  /// The same at all members.
  template <typename T>
  std::vector<T> all_gather(const T& value) {
    return collect(detail::Collective::kAllGather, value);
  }

  /// The root gives a block for each member, and each gets its own. The others give nothing:
  /// `team.scatter<Row>()`.
  template <typename T>
  T scatter(const std::vector<T>& blocks = {}) {
    T mine{};
    spread(detail::Collective::kScatter, blocks, detail::take_value(mine));
    return mine;
  }
  /// Every member gives a block for each, and gets one of each, in the order of their indices.
  template <typename T>
  std::vector<T> all_to_all(const std::vector<T>& blocks) {
    std::vector<T> mine;
    mine.reserve(count());
    spread(detail::Collective::kAllToAll, blocks, detail::take_each(mine));
    return mine;
  }

 private:
  friend struct TeamAccess;
  Team() = default;
  ~Team() = default;

  template <typename T, typename Op>
  std::optional<T> fold(detail::Collective kind, const T& value, Op& op,
                        const detail::bare_t<T>* initial) {
    using Element = detail::folded_t<T, Op>;
    if constexpr (std::is_void_v<Element>) {
      return fold_wholes(kind, value, op, initial);
    } else {
      static_assert(alignof(Element) <= 64, "elements aligned beyond 64 bytes cannot be combined");
      std::string none;
      std::optional<T> result(value);
      const detail::Fold how{detail::combine_of<Op>, sizeof(Element),
                             &detail::apply_to_elements<Element, Op>, &op,
                             initial == nullptr ? nullptr : detail::as_given(*initial, none).data};
      const auto to = detail::as_given(*result, none);
      if (initial != nullptr && detail::as_given(*initial, none).size != to.size) {
        throw error("exclusive_scan: the initial value and the value differ in length");
      }
      if (!detail::reduce(*this, kind, detail::type_tag<Element>(), detail::as_given(value, none),
                          how, const_cast<void*>(to.data))) {
        result.reset();
      }
      return result;
    }
  }

  /// Values of any length, or without a plain form, are brought together and combined there.
  template <typename T, typename Op>
  std::optional<T> fold_wholes(detail::Collective kind, const T& value, Op& op,
                               const detail::bare_t<T>* initial) {
    static_assert(detail::combines<Op, T>(),
                  "the operation can be called neither with two of these values nor with two of "
                  "their elements, or does not return such a one");
    std::string made;
    std::vector<T> values;
    if (!detail::gather(*this, kind, detail::combine_of<Op>, detail::value_tag<T>(),
                        detail::as_given(value, made), detail::take_each(values))) {
      return std::nullopt;
    }
    std::optional<T> result;
    if (initial != nullptr) result = *initial;
    for (auto& each : values) {
      if (result) {
        *result = op(static_cast<const T&>(*result), static_cast<const T&>(each));
      } else {
        result = std::move(each);
      }
    }
    return result;
  }

  template <typename T>
  std::vector<T> collect(detail::Collective kind, const T& value) {
    std::string made;
    std::vector<T> values;
    if (kind != detail::Collective::kGather || is_root()) values.reserve(count());
    detail::gather(*this, kind, detail::Combine::kNothing, detail::value_tag<T>(),
                   detail::as_given(value, made), detail::take_each(values));
    return values;
  }

  template <typename T>
  void spread(detail::Collective kind, const std::vector<T>& blocks, const detail::Taker& taker) {
    std::vector<std::string> made(blocks.size());
    std::vector<detail::Given> given;
    given.reserve(blocks.size());
    if constexpr (std::is_same_v<T, bool>) {
      for (const bool block : blocks) {
        made[given.size()].assign(1, static_cast<char>(block));
        given.push_back({made[given.size()].data(), 1});
      }
    } else {
      for (const auto& block : blocks) {
        given.push_back(detail::as_given(block, made[given.size()]));
      }
    }
    detail::spread(*this, kind, detail::value_tag<T>(), given, taker);
  }

  void* state_ = nullptr;
};

}  // namespace mvm
