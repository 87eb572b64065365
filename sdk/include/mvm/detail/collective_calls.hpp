// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What the templates of <mvm/collectives.hpp> call in libmvm, and how values get there.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <mvm/detail/value_bytes.hpp>
#include <mvm/types.hpp>

namespace mvm {

class Team;
struct Sum;
struct Product;
struct Min;
struct Max;
struct LogicalAnd;
struct LogicalOr;
struct BitAnd;
struct BitOr;
struct BitXor;

namespace detail {

enum class Collective : std::uint32_t {
  kBarrier = 1,
  kBroadcast,
  kReduce,
  kAllReduce,
  kScan,
  kExclusiveScan,
  kGather,
  kAllGather,
  kScatter,
  kAllToAll
};

enum class Combine : std::uint32_t {
  kNothing,
  kSum,
  kProduct,
  kMin,
  kMax,
  kLogicalAnd,
  kLogicalOr,
  kBitAnd,
  kBitOr,
  kBitXor,
  kOwn  ///< the job's own
};
template <typename Op>
inline constexpr Combine combine_of = Combine::kOwn;
template <>
inline constexpr Combine combine_of<Sum> = Combine::kSum;
template <>
inline constexpr Combine combine_of<Product> = Combine::kProduct;
template <>
inline constexpr Combine combine_of<Min> = Combine::kMin;
template <>
inline constexpr Combine combine_of<Max> = Combine::kMax;
template <>
inline constexpr Combine combine_of<LogicalAnd> = Combine::kLogicalAnd;
template <>
inline constexpr Combine combine_of<LogicalOr> = Combine::kLogicalOr;
template <>
inline constexpr Combine combine_of<BitAnd> = Combine::kBitAnd;
template <>
inline constexpr Combine combine_of<BitOr> = Combine::kBitOr;
template <>
inline constexpr Combine combine_of<BitXor> = Combine::kBitXor;

/// Gets the value of one member, in place; false when its length does not fit.
struct Taker {
  void* object;
  bool (*take)(void* object, std::size_t from, Given value);
};
/// How elements are combined: `into[i] = op(into[i], from[i])`.
struct Fold {
  Combine combine;
  std::size_t element_size;
  void (*apply)(void* into, const void* from, std::size_t count, void* op);
  void* op;
  const void* initial = nullptr;  ///< exclusive scan: comes before all
};

MVM_API void barrier(Team& team);
/// `given` counts at the root, where nothing is taken.
MVM_API void broadcast(Team& team, std::uint32_t type, Given given, const Taker& taker);
/// kReduce, kAllReduce, kScan, kExclusiveScan. `result` has the size of `given`. False where there
/// is no result: not at the root.
MVM_API bool reduce(Team& team, Collective kind, std::uint32_t type, Given given, const Fold& fold,
                    void* result);
/// Takes the values of all members, in the order of their indices, at those whom `kind` gives them:
/// kReduce and kGather to the root, kScan and kExclusiveScan the lower ones, else all. True there.
MVM_API bool gather(Team& team, Collective kind, Combine combine, std::uint32_t type, Given given,
                    const Taker& taker);
/// kScatter: `blocks` counts at the root, and one is taken; kAllToAll: one of each member.
MVM_API void spread(Team& team, Collective kind, std::uint32_t type,
                    const std::vector<Given>& blocks, const Taker& taker);

template <typename T>
Taker take_value(T& value) {
  return {&value, [](void* object, std::size_t, Given given) {
            return from_given(*static_cast<T*>(object), given);
          }};
}
/// One element for each member, in order.
template <typename T>
Taker take_each(std::vector<T>& values) {
  return {&values, [](void* object, std::size_t, Given given) {
            T value{};
            if (!from_given(value, given)) return false;
            static_cast<std::vector<T>*>(object)->push_back(std::move(value));
            return true;
          }};
}

template <typename E, typename Op>
void apply_to_elements(void* into, const void* from, std::size_t count, void* op) {
  auto* left = static_cast<E*>(into);
  const auto* right = static_cast<const E*>(from);
  auto& combine = *static_cast<Op*>(op);
  for (std::size_t i = 0; i < count; ++i) {
    left[i] = combine(static_cast<const E&>(left[i]), right[i]);
  }
}

template <typename Op, typename T>
constexpr bool combines() {
  return std::is_invocable_r_v<T, Op&, const T&, const T&>;
}

/// On what an operation works: the smallest parts of the value that it can be called with.
/// void: on nothing of it. A string is always taken as a whole.
template <typename T, typename Op>
auto folded() {
  if constexpr (!has_codec<T>::value && !std::is_convertible_v<const T&, std::string_view>) {
    if constexpr (is_range<T>()) {
      using Leaf = leaf_t<element_t<T>>;
      if constexpr (combines<Op, Leaf>()) {
        return static_cast<Leaf*>(nullptr);
      } else if constexpr (combines<Op, element_t<T>>()) {
        return static_cast<element_t<T>*>(nullptr);
      } else if constexpr (is_plain<T>() && combines<Op, T>()) {
        return static_cast<T*>(nullptr);
      } else {
        return static_cast<void*>(nullptr);
      }
    } else if constexpr (is_plain<T>()) {
      if constexpr (combines<Op, leaf_t<T>>()) {
        return static_cast<leaf_t<T>*>(nullptr);
      } else if constexpr (combines<Op, T>()) {
        return static_cast<T*>(nullptr);
      } else {
        return static_cast<void*>(nullptr);
      }
    } else {
      return static_cast<void*>(nullptr);
    }
  } else {
    return static_cast<void*>(nullptr);
  }
}
template <typename T, typename Op>
using folded_t = std::remove_pointer_t<decltype(folded<T, Op>())>;

}  // namespace detail
}  // namespace mvm
