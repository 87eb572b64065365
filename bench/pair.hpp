// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Two tasks that measure what lies between them. One leads: it says what to do, and takes the
/// time. The other follows. What they do with messages is a channel's:
///
///     struct Channel {
///       static constexpr const char* kName;
///       void send(char* data, std::size_t size);
///       void receive(char* data, std::size_t size);       // one of this size
///       void stream(char* data, std::size_t size, std::uint64_t count);
///       void drain(char* data, std::size_t size, std::uint64_t count);
///     };
///
/// The first of the channels carries the orders too, and so must copy.

#include <cstring>
#include <memory>

#include "windows.hpp"

namespace bench {

constexpr std::size_t kLargest = std::size_t{16} << 20;

struct Order {
  std::uint64_t channel;  ///< its number; or kStop
  std::uint64_t streams;  ///< 1: all go one way, 0: to and fro
  std::uint64_t size;
  std::uint64_t count;
};
constexpr std::uint64_t kStop = ~std::uint64_t{0};

/// One buffer at each end, which stays in the cache, as in the tests of OSU.
inline std::unique_ptr<char[], decltype(&std::free)> make_buffer() {
  auto* const memory = static_cast<char*>(std::aligned_alloc(4096, kLargest));
  std::memset(memory, 1, kLargest);
  return {memory, &std::free};
}

inline void stamp(char* data, std::uint64_t number) {
  std::memcpy(data, &number, sizeof number);
}
inline void check_stamp(const char* data, std::uint64_t number) {
  std::uint64_t found = 0;
  std::memcpy(&found, data, sizeof found);
  if (found == number) return;
  std::fprintf(stderr, "message %zu came where %zu was due\n", static_cast<std::size_t>(found),
               static_cast<std::size_t>(number));
  std::_Exit(3);
}

template <typename Channel>
void carry_out(Channel& channel, const Order& order, char* buffer) {
  if (order.streams != 0) {
    channel.drain(buffer, order.size, order.count);
  } else {
    for (std::uint64_t i = 0; i < order.count; ++i) {
      channel.receive(buffer, order.size);
      channel.send(buffer, order.size);
    }
  }
}

template <typename First, typename... Others>
void follow(First& first, Others&... others) {
  const auto buffer = make_buffer();
  for (;;) {
    Order order{};
    first.receive(reinterpret_cast<char*>(&order), sizeof order);
    if (order.channel == kStop) return;
    std::uint64_t number = 0;
    const auto take_if = [&](auto& channel) {
      if (number++ == order.channel) carry_out(channel, order, buffer.get());
    };
    take_if(first);
    (take_if(others), ...);
    if (order.streams != 0) first.send(reinterpret_cast<char*>(&order), sizeof order);
  }
}

/// Seconds that `order` takes. The follower says when it has taken the last of a stream.
template <typename First, typename Channel>
double time_order(First& first, Channel& channel, Order order, char* buffer) {
  first.send(reinterpret_cast<char*>(&order), sizeof order);
  const double begin = now();
  if (order.streams != 0) {
    channel.stream(buffer, order.size, order.count);
    first.receive(reinterpret_cast<char*>(&order), sizeof order);
  } else {
    for (std::uint64_t i = 0; i < order.count; ++i) {
      channel.send(buffer, order.size);
      channel.receive(buffer, order.size);
    }
  }
  return now() - begin;
}

/// Measures what `list` names; see `parse_metrics`. Latency is half of the time to and fro.
template <typename First, typename... Others>
void lead(std::string_view list, First& first, Others&... others) {
  const auto buffer = make_buffer();
  for (const auto& metric : parse_metrics(list)) {
    std::uint64_t number = 0;
    bool found = false;
    const auto measure_if = [&](auto& channel) {
      const auto own = number++;
      if (metric.way != channel.kName) return;
      found = true;
      const bool streams = metric.kind != "latency";
      auto windows = measure([&](std::uint64_t count) {
        return time_order(first, channel, {own, streams ? 1u : 0u, metric.size, count},
                          buffer.get());
      });
      if (!streams) {
        for (double& seconds : windows) seconds /= 2;
      }
      print(metric.way + "." + metric.kind, metric.size, std::move(windows));
    };
    measure_if(first);
    (measure_if(others), ...);
    if (!found) std::fprintf(stderr, "nothing here is called '%s'\n", metric.way.c_str());
  }
  Order stop{kStop, 0, 0, 0};
  first.send(reinterpret_cast<char*>(&stop), sizeof stop);
}

}  // namespace bench
