// SPDX-License-Identifier: Apache-2.0
// The same as ../micro/pair.cpp over bare ZeroMQ, between two processes on a core each.
// Arguments: METRICS ENDPOINT
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "../pair.hpp"

namespace {

void check(int result, const char* what) {
  if (result >= 0) return;
  std::fprintf(stderr, "%s: %s\n", what, zmq_strerror(zmq_errno()));
  std::_Exit(2);
}

struct Copying {
  static constexpr const char* kName = "copy";
  void* socket;
  void send(char* data, std::size_t size) { check(zmq_send(socket, data, size, 0), "send"); }
  void receive(char* data, std::size_t size) { check(zmq_recv(socket, data, size, 0), "receive"); }
  void stream(char* data, std::size_t size, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) send(data, size);
  }
  void drain(char* data, std::size_t size, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) receive(data, size);
  }
};

void be(bool leads, const char* metrics, const char* endpoint) {
  bench::pin(leads ? 0 : 1, 2);
  bench::print_cores(leads ? 0 : 1);
  void* const context = zmq_ctx_new();
  Copying copying{zmq_socket(context, ZMQ_PAIR)};
  check(leads ? zmq_bind(copying.socket, endpoint) : zmq_connect(copying.socket, endpoint),
        endpoint);
  if (leads) {
    bench::lead(metrics, copying);
  } else {
    bench::follow(copying);
  }
  zmq_close(copying.socket);
  zmq_ctx_term(context);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto follower = ::fork();
  if (follower == 0) {
    be(false, argv[1], argv[2]);
    return 0;
  }
  be(true, argv[1], argv[2]);
  ::waitpid(follower, nullptr, 0);
}
