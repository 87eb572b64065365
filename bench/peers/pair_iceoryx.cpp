// SPDX-License-Identifier: Apache-2.0
// The same as ../micro/pair.cpp over iceoryx, between two processes on a core each that poll. Its
// daemon must run. The largest message is of 1 MiB.
#include <sys/wait.h>
#include <unistd.h>

#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>
#include <string>

#include "../pair.hpp"

namespace {

using iox::popo::UntypedPublisher;
using iox::popo::UntypedSubscriber;

iox::capro::ServiceDescription service(bool to_follower) {
  if (to_follower) return {"bench", "pair", "there"};
  return {"bench", "pair", "back"};
}

/// Both directions of the pair.
class Wire {
 public:
  explicit Wire(bool leads)
      : out_(service(leads), publisher_options()), in_(service(!leads), subscriber_options()) {
    while (in_.getSubscriptionState() != iox::SubscribeState::SUBSCRIBED ||
           !out_.hasSubscribers()) {
      ::usleep(1000);
    }
  }

  template <typename Fill>
  void send(std::size_t size, Fill&& fill) {
    out_.loan(static_cast<std::uint32_t>(size))
        .and_then([&](void* memory) {
          fill(memory);
          out_.publish(memory);
        })
        .or_else([](auto) { fail("no memory to lend"); });
  }

  template <typename Look>
  void receive(Look&& look) {
    for (bool taken = false; !taken;) {
      in_.take()
          .and_then([&](const void* memory) {
            look(memory);
            in_.release(memory);
            taken = true;
          })
          .or_else([](auto result) {
            if (result != iox::popo::ChunkReceiveResult::NO_CHUNK_AVAILABLE) fail("cannot take");
          });
    }
  }

 private:
  [[noreturn]] static void fail(const char* what) {
    std::fprintf(stderr, "iceoryx: %s\n", what);
    std::_Exit(2);
  }
  static iox::popo::PublisherOptions publisher_options() {
    iox::popo::PublisherOptions options;
    options.subscriberTooSlowPolicy = iox::popo::ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
    return options;
  }
  static iox::popo::SubscriberOptions subscriber_options() {
    iox::popo::SubscriberOptions options;
    options.queueCapacity = 8;  // of the largest there are only 30
    options.queueFullPolicy = iox::popo::QueueFullPolicy::BLOCK_PRODUCER;
    return options;
  }

  UntypedPublisher out_;
  UntypedSubscriber in_;
};

struct Copying {
  static constexpr const char* kName = "copy";
  Wire& wire;
  void send(char* data, std::size_t size) {
    wire.send(size, [&](void* memory) { std::memcpy(memory, data, size); });
  }
  void receive(char* data, std::size_t size) {
    wire.receive([&](const void* memory) { std::memcpy(data, memory, size); });
  }
  void stream(char* data, std::size_t size, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) send(data, size);
  }
  void drain(char* data, std::size_t size, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) receive(data, size);
  }
};

/// Nobody touches what the messages hold.
struct Lending {
  static constexpr const char* kName = "loan";
  Wire& wire;
  void send(char*, std::size_t size) {
    wire.send(size, [](void*) {});
  }
  void receive(char*, std::size_t) {
    wire.receive([](const void*) {});
  }
  void stream(char* data, std::size_t size, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) send(data, size);
  }
  void drain(char* data, std::size_t size, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) receive(data, size);
  }
};

void be(bool leads, const char* metrics) {
  bench::pin(leads ? 0 : 1, 2);
  bench::print_cores(leads ? 0 : 1);
  const std::string name = std::string("bench-") + (leads ? "leader" : "follower");
  iox::runtime::PoshRuntime::initRuntime({iox::cxx::TruncateToCapacity, name});
  Wire wire(leads);
  Copying copying{wire};
  Lending lending{wire};
  if (leads) {
    bench::lead(metrics, copying, lending);
  } else {
    bench::follow(copying, lending);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto follower = ::fork();
  if (follower == 0) {
    be(false, argv[1]);
    return 0;
  }
  be(true, argv[1]);
  ::waitpid(follower, nullptr, 0);
}
