// SPDX-License-Identifier: Apache-2.0
// Latency, message rate and bandwidth between two tasks; see ../pair.hpp.
#include "../pair.hpp"

#include <mvm/job.hpp>

#include <span>
#include <utility>

namespace {

/// Messages are copied in and out.
struct Copying {
  static constexpr const char* kName = "copy";
  mvm::Port& out;
  mvm::Port& in;
  void send(char* data, std::size_t size) { out.send(std::span(data, size)); }
  void receive(char* data, std::size_t size) { in.receive_into(std::span(data, size)); }
  void stream(char* data, std::size_t size, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      bench::stamp(data, i);
      send(data, size);
    }
  }
  void drain(char* data, std::size_t size, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      receive(data, size);
      bench::check_stamp(data, i);
    }
  }
};

/// Messages are lent, and looked at where they lie. Nobody touches what they hold: the cost of
/// handing over memory.
struct Lending {
  static constexpr const char* kName = "loan";
  mvm::Port& out;
  mvm::Port& in;
  void send(char*, std::size_t size) { out.send(out.loan<char>(size)); }
  void receive(char*, std::size_t) { in.receive<mvm::Message>(); }
  void stream(char* data, std::size_t size, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) send(data, size);
  }
  void drain(char* data, std::size_t size, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) receive(data, size);
  }
};

/// The same, but the sender writes into every cache line and the receiver reads every one.
struct Touching {
  static constexpr const char* kName = "touch";
  static constexpr std::size_t kLine = 64;
  mvm::Port& out;
  mvm::Port& in;
  std::uint64_t sum = 0;
  void send(char*, std::size_t size) {
    auto words = out.loan<std::uint64_t>(size / sizeof(std::uint64_t));
    for (std::size_t i = 0; i < words.size(); i += kLine / sizeof(std::uint64_t)) words[i] = i;
    out.send(std::move(words));
  }
  void receive(char*, std::size_t) {
    const auto message = in.receive<mvm::Message>();
    const auto words = message.view<std::uint64_t>();
    for (std::size_t i = 0; i < words.size(); i += kLine / sizeof(std::uint64_t)) sum += words[i];
    asm volatile("" : : "g"(sum));  // it is wanted
  }
  void stream(char* data, std::size_t size, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) send(data, size);
  }
  void drain(char* data, std::size_t size, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) receive(data, size);
  }
};

}  // namespace

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const bool leads = job.name() == "leader[0]";
  bench::print_cores(leads ? 0 : 1);
  Copying copying{job.port("out"), job.port("in")};
  Lending lending{job.port("lend"), job.port("lent")};
  Touching touching{job.port("lend"), job.port("lent")};
  if (leads) {
    bench::lead(job.arguments().at(0), copying, lending, touching);
  } else {
    bench::follow(copying, lending, touching);
  }
}
