// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/model/cores.hpp>

#include <hwloc.h>
#include <sched.h>

#include <algorithm>
#include <memory>

#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::model {

namespace {

static_assert(queue::kMaxCores <= CPU_SETSIZE);

/// Ascending; empty on a host whose mask is longer than CPU_SETSIZE, where tasks stay unpinned.
std::vector<std::uint32_t> allowed_cores() {
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof mask, &mask) != 0) return {};
  std::vector<std::uint32_t> cores;
  for (std::uint32_t core = 0; core < queue::kMaxCores; ++core) {
    if (CPU_ISSET(core, &mask)) cores.push_back(core);
  }
  return cores;
}

/// All cores as hwloc walks its tree of packages, caches and cores: from left to right, so what
/// shares a cache is adjacent. Empty when hwloc cannot tell.
std::vector<std::uint32_t> cores_by_cache() {
  hwloc_topology_t host = nullptr;
  if (hwloc_topology_init(&host) != 0) return {};
  const std::unique_ptr<hwloc_topology, void (*)(hwloc_topology_t)> owner(host,
                                                                          hwloc_topology_destroy);
  // Buses and devices take most of the loading time, and say nothing about caches.
  hwloc_topology_set_io_types_filter(host, HWLOC_TYPE_FILTER_KEEP_NONE);
  hwloc_topology_set_type_filter(host, HWLOC_OBJ_MISC, HWLOC_TYPE_FILTER_KEEP_NONE);
  if (hwloc_topology_load(host) != 0) return {};
  std::vector<std::uint32_t> cores;
  for (hwloc_obj_t unit = nullptr;
       (unit = hwloc_get_next_obj_by_type(host, HWLOC_OBJ_PU, unit)) != nullptr;) {
    cores.push_back(unit->os_index);
  }
  return cores;
}

}  // namespace

std::vector<std::uint32_t> usable_cores() {
  auto allowed = allowed_cores();
  // Two cores are neighbours in any order; loading hwloc would cost them 2 to 9 ms for nothing.
  if (allowed.size() <= 2) return allowed;
  std::vector<std::uint32_t> ordered;
  for (const auto core : cores_by_cache()) {
    if (std::ranges::binary_search(allowed, core)) ordered.push_back(core);
  }
  return ordered.size() == allowed.size() ? ordered : allowed;
}

}  // namespace mvm::model
