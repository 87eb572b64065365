// SPDX-License-Identifier: Apache-2.0
// What a team of tasks does together: a token around a ring, an exchange with the neighbours of a
// torus, collective operations; see ../together.hpp.
#include "../together.hpp"

#include <mvm/job.hpp>

#include <span>

#include "team.hpp"

namespace {

bench::Operation ring(mvm::Job& job) {
  mvm::Port& next = job.port("next");
  mvm::Port& prev = job.port("prev");
  const bool begins = job.index() == 0;
  return {[&next, &prev, begins] {
            if (begins) {
              next.send(std::uint64_t{1});
              prev.receive<std::uint64_t>();
            } else {
              next.send(prev.receive<std::uint64_t>());
            }
          },
          static_cast<double>(job.count())};
}

bench::Operation torus(mvm::Job& job, std::size_t size) {
  return {[&ports = job.ports(), edge = std::vector<char>(size, 1),
           halo = std::vector<char>(size)]() mutable {
    for (mvm::Port* to : ports) to->send(edge);
    for (mvm::Port* from : ports) from->receive_into(halo);
  }};
}

bench::Operations operations(mvm::Job& job) {
  using Values = std::vector<double>;
  const auto some = [](std::size_t size) { return Values(size / sizeof(double), 1.0); };
  return {
      {"ring.hop", [&job](std::size_t) { return ring(job); }},
      {"torus.exchange", [&job](std::size_t size) { return torus(job, size); }},
      {"barrier.call", [&job](std::size_t) { return bench::Operation{[&job] { job.barrier(); }}; }},
      {"all_reduce.call",
       [&job, some](std::size_t size) {
         if (size == sizeof(double)) {
           return bench::Operation{[&job, x = 1.0]() mutable { x = job.all_reduce(x, mvm::max); }};
         }
         return bench::Operation{
             [&job, x = some(size)]() mutable { x = job.all_reduce(x, mvm::max); }};
       }},
      {"broadcast.call",
       [&job, some](std::size_t size) {
         if (size == sizeof(double)) {
           return bench::Operation{[&job, x = 1.0]() mutable { x = job.broadcast(x); }};
         }
         return bench::Operation{
             [&job, x = some(size)]() mutable { x = job.broadcast(std::move(x)); }};
       }},
      {"reduce.call",
       [&job](std::size_t) { return bench::Operation{[&job] { job.reduce(1.0, mvm::max); }}; }},
      {"scan.call",
       [&job](std::size_t) { return bench::Operation{[&job] { job.scan(1.0, mvm::max); }}; }},
      {"all_gather.call",
       [&job](std::size_t) { return bench::Operation{[&job] { job.all_gather(1.0); }}; }},
      {"all_to_all.call",
       [&job](std::size_t) {
         return bench::Operation{
             [&job, blocks = Values(job.count(), 1.0)] { job.all_to_all(blocks); }};
       }},
  };
}

}  // namespace

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  bench::print_cores(job.index());
  MvmTeam team{job.team()};
  bench::measure_all(team, job.arguments().at(0), operations(job));
}
