// SPDX-License-Identifier: Apache-2.0
// What nobody can be much faster than, where tasks outnumber cores: processes that share memory,
// and do nothing but what the operation itself needs. Who has to wait hands its core over. Nothing
// is checked, no message is kept, and nobody may die. Prints what ../together.hpp measures of
//
//     barrier.call    a counter
//     ring.hop        a number in a line of its own
//     torus.exchange  a place for one message on each edge, copied in and copied out
//     fft.transform   the sums alone: nothing is exchanged
//
// Arguments: how many processes, the metrics.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>

#include "../applications/spectrum.hpp"
#include "../together.hpp"

namespace {

constexpr std::size_t kMost = 64;
constexpr std::size_t kLargest = 64 << 10;

struct alignas(128) Word {
  std::atomic<std::uint64_t> value{0};
  void wait_for(std::uint64_t least) const {
    while (value.load(std::memory_order_acquire) < least) ::sched_yield();
  }
};

/// An edge that leaves a task: one message, and how many there were and are used.
struct Edge {
  Word sent, used;
  alignas(128) std::byte message[kLargest];
};

struct Shared {
  Word arrived, agreed;
  std::uint64_t number;
  Word tokens[kMost];
  Edge edges[kMost][4];
};

/// One of the processes.
class Team {
 public:
  Team(Shared& shared, std::size_t index, std::size_t count)
      : shared_(shared), index_(index), count_(count) {
    bench::pin(index, count);
  }
  std::size_t index() const { return index_; }
  std::size_t count() const { return count_; }
  void barrier() {
    shared_.arrived.value.fetch_add(1, std::memory_order_acq_rel);
    shared_.arrived.wait_for(++barriers_ * count_);
  }
  std::uint64_t agree(std::uint64_t value) {
    if (index_ == 0) shared_.number = value;
    barrier();
    const auto agreed = shared_.number;
    barrier();
    return agreed;
  }

  void pass_token() {
    ++rounds_;
    if (index_ == 0) shared_.tokens[0].value.store(rounds_, std::memory_order_release);
    if (index_ != 0) {
      shared_.tokens[index_ - 1].wait_for(rounds_);
      shared_.tokens[index_].value.store(rounds_, std::memory_order_release);
    } else {
      shared_.tokens[count_ - 1].wait_for(rounds_);
    }
  }

  /// With the neighbours of a square torus.
  void exchange(const std::vector<char>& given, std::vector<char>& taken) {
    ++exchanges_;
    for (std::size_t way = 0; way < 4; ++way) {
      Edge& edge = shared_.edges[index_][way];
      edge.used.wait_for(exchanges_ - 1);
      std::memcpy(edge.message, given.data(), given.size());
      edge.sent.value.store(exchanges_, std::memory_order_release);
    }
    for (std::size_t way = 0; way < 4; ++way) {
      Edge& edge = shared_.edges[neighbour(way)][way];
      edge.sent.wait_for(exchanges_);
      std::memcpy(taken.data(), edge.message, taken.size());
      edge.used.value.store(exchanges_, std::memory_order_release);
    }
  }

 private:
  std::size_t neighbour(std::size_t way) const {
    const auto width = static_cast<std::size_t>(std::lround(std::sqrt(count_)));
    const auto row = index_ / width, column = index_ % width;
    const auto step = way % 2 == 0 ? 1 : width - 1;
    return way < 2 ? row * width + (column + step) % width : (row + step) % width * width + column;
  }

  Shared& shared_;
  std::size_t index_, count_;
  std::uint64_t barriers_ = 0, rounds_ = 0, exchanges_ = 0;
};

bench::Operations operations(Team& team) {
  return {
      {"barrier.call",
       [&team](std::size_t) { return bench::Operation{[&team] { team.barrier(); }}; }},
      {"ring.hop",
       [&team](std::size_t) {
         return bench::Operation{[&team] { team.pass_token(); }, static_cast<double>(team.count())};
       }},
      {"torus.exchange",
       [&team](std::size_t size) {
         return bench::Operation{
             [&team, given = std::vector<char>(size, 1),
              taken = std::vector<char>(size)]() mutable { team.exchange(given, taken); }};
       }},
      {"fft.transform",
       [&team](std::size_t n) {
         const auto spectrum = std::make_shared<Spectrum>(n, team.index(), team.count());
         return bench::Operation{[&team, spectrum, theirs = Block(n / team.count())] {
           team.barrier();  // or some would be done before the first has the core to take the time
           spectrum->transform([&](unsigned, const Block&, auto&& keep) { keep(theirs.data()); });
         }};
       }},
  };
}

}  // namespace

int main(int argc, char** argv) {
  const auto count = argc == 3 ? std::strtoul(argv[1], nullptr, 10) : 0;
  if (count == 0 || count > kMost) return 2;
  void* memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  auto* shared = new (memory) Shared;
  std::size_t index = 0;
  while (index + 1 < count && ::fork() != 0) ++index;
  Team team(*shared, index, count);
  bench::measure_all(team, argv[2], operations(team));
  if (index + 1 < count) return 0;
  while (::wait(nullptr) > 0) {
  }
}
