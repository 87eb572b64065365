// SPDX-License-Identifier: Apache-2.0

// Sorts an array that is spread over many tasks: afterwards each task's block is sorted, and no
// number of a task is greater than any of the next task. The step of both methods is the same: two
// tasks swap their sorted blocks, and one keeps the lower half of all, the other the upper half.
// Which tasks pair up depends on the shape, which shows in the ports that a task has:
//   hypercube   bitonic sort, log2(P) * (log2(P) + 1) / 2 steps
//   line        odd-even transposition sort, P steps

#include <mvm/job.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "merge.hpp"
#include "report.hpp"

namespace {

/// Swaps sorted blocks with the task at the other end and keeps one half of the union.
void merge_split(mvm::Port& partner, Numbers& mine, Keep keep) {
  partner.send(mine);
  const auto message = partner.receive<mvm::Message>();
  const auto theirs = message.view<std::uint64_t>();  // merged from where it lies: no copy
  mine = half_of_union(mine, theirs.data(), keep);
}

/// Sorts ever larger sub-cubes, each up or down by turns, so that two of them side by side are a
/// bitonic sequence, which the next larger sub-cube needs.
void bitonic_sort(mvm::Job& job, Numbers& block) {
  for (std::size_t cube = 2, dimensions = 1; cube <= job.count(); cube *= 2, ++dimensions) {
    const bool ascending = (job.index() & cube) == 0;
    for (std::size_t d = dimensions; d-- > 0;) {
      const bool lower_end = (job.index() >> d & 1) == 0;
      merge_split(job.port(std::string("d").append(std::to_string(d))), block,
                  lower_end == ascending ? Keep::kLower : Keep::kUpper);
    }
  }
}

/// Compares with the right and the left neighbour by turns.
void odd_even_sort(mvm::Job& job, Numbers& block) {
  mvm::Port* const left = job.find_port("left");  // null at the ends of the line
  mvm::Port* const right = job.find_port("right");
  for (std::size_t round = 0; round < job.count(); ++round) {
    if ((job.index() + round) % 2 == 0) {
      if (right != nullptr) merge_split(*right, block, Keep::kLower);
    } else {
      if (left != nullptr) merge_split(*left, block, Keep::kUpper);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const std::size_t size = std::stoul(job.arguments().at(0));
  const std::uint64_t seed = std::stoull(job.arguments().at(1));
  const bool keep = job.arguments().at(2) == "true";

  Numbers block;
  for (std::size_t i = 0; i < size; ++i) block.push_back(number(seed, job.index() * size + i));
  Report report;
  report.task = job.index();
  report.before = fingerprint(block);

  std::sort(block.begin(), block.end());
  if (job.find_port("d0") != nullptr) {
    bitonic_sort(job, block);
  } else {
    odd_even_sort(job, block);
  }

  report.after = fingerprint(block);
  report.first = block.front();
  report.last = block.back();
  report.sorted = std::is_sorted(block.begin(), block.end());
  job.port("report").send(report);

  if (keep) {
    std::ofstream file("sorted.bin", std::ios::binary);
    file.write(reinterpret_cast<const char*>(block.data()),
               static_cast<std::streamsize>(block.size() * sizeof block[0]));
  }
}
