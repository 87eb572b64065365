// SPDX-License-Identifier: Apache-2.0
// How fast codecs encode and decode on one core, and how long what they make is, for messages of
// several sizes and kinds, in CPU time, because a busy host stretches the wall clock. What is
// decoded in place costs nothing, whatever its size: its rate is no rate.
//     cmake --build build/release --target codec_bench
//     build/release/bin/codec_bench [SECONDS]     (default 0.3 for each figure)
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <mvm/queuelayer/codec_chain.hpp>

namespace {

using namespace mvm::queue;

struct Sample {
  const char* name;
  std::vector<std::byte> bytes;
};

/// Lines of a log: what a compressor likes.
Sample text_sample(std::size_t size) {
  std::mt19937 random(1);
  std::string text;
  while (text.size() < size) {
    text += "2026-01-01T12:00:" + std::to_string(random() % 60) + " cell[" +
            std::to_string(random() % 16) + "] step " + std::to_string(text.size()) +
            " residual 0.00" + std::to_string(random() % 1000) + "\n";
  }
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {"text", {first, first + size}};
}

/// A smooth field of doubles, as simulations exchange it.
Sample field_sample(std::size_t size) {
  std::vector<double> values(size / sizeof(double) + 1);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = std::sin(static_cast<double>(i) * 0.001);
  }
  const auto* first = reinterpret_cast<const std::byte*>(values.data());
  return {"doubles", {first, first + size}};
}

Sample noise_sample(std::size_t size) {
  std::mt19937 random(1);
  std::vector<std::byte> bytes(size);
  std::ranges::generate(bytes, [&random] { return static_cast<std::byte>(random()); });
  return {"random", std::move(bytes)};
}

double cpu_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// Nanoseconds of one call, on average over `seconds`.
template <typename Function>
double time_of(double seconds, const Function& function) {
  function();
  const auto start = cpu_ns();
  std::uint64_t calls = 0;
  double elapsed = 0;
  do {
    for (int i = 0; i < 16; ++i) function();
    calls += 16;
    elapsed = cpu_ns() - start;
  } while (elapsed < seconds * 1e9);
  return elapsed / static_cast<double>(calls);
}

void must(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "codec_bench: %s\n", what);
  std::exit(1);
}

void measure(const std::vector<CodecStage>& stages, const Sample& sample, double seconds) {
  static constexpr std::array<unsigned char, 32> kSecret = {1};
  const auto made = CodecChain::make(stages, kSecret, 1, {});
  must(made.has_value(), made ? "" : made.error().message.c_str());
  auto& chain = **made;
  const auto encode_ns =
      time_of(seconds, [&] { must(chain.encode(sample.bytes).has_value(), "encode"); });
  const auto once = chain.encode(sample.bytes);
  const std::vector<std::byte> encoded(once->begin(), once->end());
  CodecBuffer space;
  const auto decode_ns =
      time_of(seconds, [&] { must(chain.decode(encoded, space).has_value(), "decode"); });
  const auto size = static_cast<double>(sample.bytes.size());
  std::string words = chain.words();
  if (stages.size() == 1 && stages[0].level != 0) words += " " + std::to_string(stages[0].level);
  std::printf("%-14s %-8s %9zu %9zu %11.2f %11.2f %11.0f %11.0f\n", words.c_str(), sample.name,
              sample.bytes.size(), encoded.size(), encode_ns / 1000, decode_ns / 1000,
              size / encode_ns * 1000, size / decode_ns * 1000);
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 0.3;
  using enum CodecKind;
  const std::vector<std::vector<CodecStage>> chains = {
      {{kCrc32c}}, {{kAesGcm}},  {{kLz4}},           {{kLz4, 9}},
      {{kZstd}},   {{kZstd, 9}}, {{kLz4}, {kAesGcm}}};
  std::printf("%-14s %-8s %9s %9s %11s %11s %11s %11s\n", "codec", "data", "plain", "encoded",
              "encode us", "decode us", "MB/s", "MB/s");
  for (const std::size_t size : {64, 4096, 1 << 20}) {
    for (const auto& sample : {text_sample(size), field_sample(size), noise_sample(size)}) {
      for (const auto& stages : chains) measure(stages, sample, seconds);
    }
  }
}
