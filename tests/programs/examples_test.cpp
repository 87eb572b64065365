// SPDX-License-Identifier: GPL-3.0-or-later

// Every example, run as its user runs it and compared with a reference that knows no tasks.

#include <fftw3.h>
#include <gtest/gtest.h>
#include <png.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include <mvm/base/file.hpp>
#include <mvm/base/units.hpp>

#include "../../examples/fft/sweep.hpp"
#include "../../examples/fft/tones.hpp"
#include "example_run.hpp"
#include "summary_sums.hpp"

namespace {

using mvm::test::ExampleRun;
using mvm::test::parse_csv;
using mvm::test::values_of;

std::string set(const std::string& name, auto value) {
  std::ostringstream words;
  words << name << '=' << value;
  return words.str();
}

// ── heat ────────────────────────────────────────────────────────────────────────────────────────

/// Jacobi's method on one whole plate.
class SerialPlate {
 public:
  SerialPlate(int n, bool wraps) : n_(n), wraps_(wraps) {
    for (int y = 0; y < n; ++y) {
      for (int x = 0; x < n; ++x) {
        const int dx = 3 * x - n, dy = 3 * y - 2 * n;
        field_.push_back(16 * (dx * dx + dy * dy) < 9 * n * n ? 100.0 : 0.0);
      }
    }
  }

  void step() {
    std::vector<double> next;
    for (int y = 0; y < n_; ++y) {
      for (int x = 0; x < n_; ++x) {
        next.push_back(0.25 * (at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1)));
      }
    }
    field_.swap(next);
  }

  [[nodiscard]] const std::vector<double>& field() const { return field_; }

 private:
  [[nodiscard]] double at(int x, int y) const {
    if (wraps_) {
      x = (x + n_) % n_;
      y = (y + n_) % n_;
    }
    if (y < 0) return 100.0;
    if (x < 0 || x >= n_ || y >= n_) return 0.0;
    return field_[static_cast<std::size_t>(y * n_ + x)];
  }

  int n_;
  bool wraps_;
  std::vector<double> field_;
};

struct HeatCase {
  std::string shape;
  int side;

  friend std::ostream& operator<<(std::ostream& out, const HeatCase& tested) {
    return out << tested.shape << ", side " << tested.side;
  }
};

class Heat : public testing::TestWithParam<HeatCase> {};

TEST_P(Heat, EqualsTheSerialSolverBitForBit) {
  const auto& [shape, side] = GetParam();
  constexpr int kPoints = 61;  // a prime: no side but 1 divides it
  constexpr int kSteps = 150;

  const ExampleRun run(
      "heat", {set("shape", shape), set("side", side), set("n", kPoints), set("steps", kSteps)});
  ASSERT_EQ(run.status(), 0) << run.errors();

  SerialPlate plate(kPoints, shape == "torus");
  for (int i = 0; i < kSteps; ++i) plate.step();
  EXPECT_EQ(parse_csv(run.collected("collector.0", "field.csv")), plate.field());
  EXPECT_TRUE(run.collected("collector.0", "heat.png").starts_with("\x89PNG"));
}

INSTANTIATE_TEST_SUITE_P(Examples, Heat,
                         testing::Values(HeatCase{"mesh", 1}, HeatCase{"mesh", 3},
                                         HeatCase{"mesh", 4}, HeatCase{"torus", 1},
                                         HeatCase{"torus", 2}, HeatCase{"torus", 4}),
                         [](const auto& tested) {
                           return tested.param.shape + std::to_string(tested.param.side);
                         });

// ── fft ─────────────────────────────────────────────────────────────────────────────────────────

Block transform_by_fftw(Block signal) {
  auto* data = reinterpret_cast<fftw_complex*>(signal.data());
  auto* plan =
      fftw_plan_dft_1d(static_cast<int>(signal.size()), data, data, FFTW_FORWARD, FFTW_ESTIMATE);
  fftw_execute(plan);
  fftw_destroy_plan(plan);
  return signal;
}

/// The greatest distance of two spectra, as part of the loudest value.
double distance(const Complex* spectrum, const Block& reference) {
  double error = 0.0, loudest = 0.0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    error = std::max(error, std::abs(spectrum[i] - reference[i]));
    loudest = std::max(loudest, std::abs(reference[i]));
  }
  return error / loudest;
}

class Fft : public testing::TestWithParam<int> {};

TEST_P(Fft, InPlaceOverAHypercubeEqualsFftw) {
  constexpr std::size_t kPoints = 8192;
  const ExampleRun run("fft/fft.mvm.xml", {set("tasks", GetParam()), set("n", kPoints)});
  ASSERT_EQ(run.status(), 0) << run.errors();

  Block spectrum;
  for (int task = 0; task < GetParam(); ++task) {
    const auto values = parse_csv(run.collected("cell." + std::to_string(task), "spectrum.csv"));
    for (std::size_t i = 0; i + 2 < values.size(); i += 3) {
      ASSERT_EQ(values[i], static_cast<double>(spectrum.size())) << "frequencies in order";
      spectrum.emplace_back(values[i + 1], values[i + 2]);
    }
  }
  ASSERT_EQ(spectrum.size(), kPoints);

  Block signal;
  for (std::size_t i = 0; i < kPoints; ++i) signal.push_back(tones(i, kPoints));
  EXPECT_LT(distance(spectrum.data(), transform_by_fftw(signal)), 1e-12);
}

INSTANTIATE_TEST_SUITE_P(Examples, Fft, testing::Values(1, 2, 4, 8, 16));

class FftPipeline : public testing::TestWithParam<int> {};

TEST_P(FftPipeline, EachOfManyTransformsEqualsFftw) {
  constexpr std::size_t kPoints = 128;
  constexpr std::size_t kTransforms = 50;
  const ExampleRun run("fft/fft-pipeline.mvm.xml",
                       {set("stages", GetParam()), set("n", kPoints),
                        set("transforms", kTransforms), set("in_flight", 2)});
  ASSERT_EQ(run.status(), 0) << run.errors();

  const auto spectra = values_of<Complex>(run.collected("spectrogram.0", "spectra.bin"));
  ASSERT_EQ(spectra.size(), kPoints * kTransforms);
  const Sweep sweep{kPoints, kTransforms};
  for (std::size_t t = 0; t < kTransforms; ++t) {
    Block window;
    for (std::size_t i = 0; i < kPoints; ++i) window.push_back(sweep(t, i));
    EXPECT_LT(distance(&spectra[t * kPoints], transform_by_fftw(window)), 1e-9)
        << "transform " << t;
  }
}

INSTANTIATE_TEST_SUITE_P(Examples, FftPipeline, testing::Values(1, 2, 3));

// ── sort ────────────────────────────────────────────────────────────────────────────────────────

struct SortCase {
  std::string shape;
  std::size_t count, block;

  friend std::ostream& operator<<(std::ostream& out, const SortCase& tested) {
    return out << tested.shape << ", " << tested.count << " blocks of " << tested.block;
  }
};

class Sort : public testing::TestWithParam<SortCase> {};

TEST_P(Sort, EqualsStdSort) {
  const auto& [shape, count, block] = GetParam();
  constexpr std::uint64_t kSeed = 7;
  const ExampleRun run("sort", {set("shape", shape), set("tasks", count), set("block", block),
                                set("seed", kSeed), "keep=true"});
  ASSERT_EQ(run.status(), 0) << run.errors();
  EXPECT_NE(run.output().find(std::to_string(count * block) + " numbers"), std::string::npos);
  EXPECT_NE(run.output().find("sorted, the same as before"), std::string::npos) << run.output();

  std::vector<std::uint64_t> expected, sorted;
  std::uint64_t state = kSeed;
  for (std::size_t i = 0; i < count * block; ++i) {  // splitmix64
    std::uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    expected.push_back(z ^ (z >> 31));
  }
  std::sort(expected.begin(), expected.end());
  for (std::size_t task = 0; task < count; ++task) {
    const auto part =
        values_of<std::uint64_t>(run.collected("sorter." + std::to_string(task), "sorted.bin"));
    sorted.insert(sorted.end(), part.begin(), part.end());
  }
  EXPECT_TRUE(sorted == expected);  // no million numbers in a failure's message
}

INSTANTIATE_TEST_SUITE_P(Examples, Sort,
                         testing::Values(SortCase{"hypercube", 1, 1000},
                                         SortCase{"hypercube", 8, 100000},
                                         SortCase{"hypercube", 16, 1}, SortCase{"line", 1, 10},
                                         SortCase{"line", 2, 3}, SortCase{"line", 7, 50001}),
                         [](const auto& tested) {
                           return tested.param.shape + std::to_string(tested.param.count);
                         });

// ── farm ────────────────────────────────────────────────────────────────────────────────────────

struct Pixels {
  std::uint32_t width = 0, height = 0;
  std::vector<std::array<std::uint8_t, 3>> values;
};

Pixels read_png(const std::string& bytes) {
  Pixels pixels;
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()) == 0) return pixels;
  image.format = PNG_FORMAT_RGB;
  pixels.values.resize(std::size_t{image.width} * image.height);
  if (png_image_finish_read(&image, nullptr, pixels.values.data(), 0, nullptr) == 0) return {};
  pixels.width = image.width;
  pixels.height = image.height;
  return pixels;
}

TEST(Farm, RendersTheSamePictureWhateverTheNumberOfWorkers) {
  const ExampleRun alone("farm", {"workers=1", "width=200", "height=130"});
  const ExampleRun many("farm", {"workers=8", "width=200", "height=130"});
  ASSERT_EQ(alone.status(), 0) << alone.errors();
  ASSERT_EQ(many.status(), 0) << many.errors();
  const auto picture = alone.collected("sink.0", "picture.png");
  EXPECT_FALSE(picture.empty());
  EXPECT_TRUE(picture == many.collected("sink.0", "picture.png"));
}

/// The two great parts of the Mandelbrot set have formulas: the heart and the disc to its left.
bool surely_inside(std::complex<double> c) {
  const double q = std::norm(c - 0.25);
  const bool in_heart = q * (q + (c.real() - 0.25)) < 0.24 * c.imag() * c.imag();
  const bool in_disc = std::norm(c + 1.0) < 0.06;
  return in_heart || in_disc;
}

TEST(Farm, PaintsTheMandelbrotSetBlackAndWhatIsFarFromItNot) {
  const ExampleRun run("farm", {"workers=3", "width=150", "height=100", "x=-0.5", "y=0", "span=5",
                                "iterations=2000"});
  ASSERT_EQ(run.status(), 0) << run.errors();
  const auto picture = read_png(run.collected("sink.0", "picture.png"));
  ASSERT_EQ(picture.width, 150u);
  ASSERT_EQ(picture.height, 100u);

  const std::array<std::uint8_t, 3> black{};
  int inside = 0, outside = 0;
  for (int y = 0; y < 100; ++y) {
    for (int x = 0; x < 150; ++x) {
      const std::complex<double> centre(-0.5 + (x + 0.5 - 75) * 5 / 150, (50 - y - 0.5) * 5 / 150);
      const auto& pixel = picture.values[static_cast<std::size_t>(y * 150 + x)];
      bool all_inside = true;  // a pixel's colour is the mean over its area
      for (const double dx : {-0.02, 0.02}) {
        for (const double dy : {-0.02, 0.02}) {
          all_inside = all_inside && surely_inside(centre + std::complex<double>(dx, dy));
        }
      }
      if (all_inside) {
        EXPECT_EQ(pixel, black) << x << ", " << y;
        ++inside;
      } else if (std::abs(centre) > 2.1) {
        EXPECT_NE(pixel, black) << x << ", " << y;
        ++outside;
      }
    }
  }
  EXPECT_GT(inside, 500);
  EXPECT_GT(outside, 500);
}

// ── words ───────────────────────────────────────────────────────────────────────────────────────

std::vector<std::pair<std::string, int>> count_words(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream content;
  content << file.rdbuf();
  std::string text = content.str();
  for (char& c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    c = letter ? static_cast<char>(c | 0x20) : ' ';
  }
  std::map<std::string, int> times;
  std::istringstream words(text);
  for (std::string word; words >> word;) ++times[word];

  std::vector<std::pair<std::string, int>> ranked(times.begin(), times.end());
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return ranked;
}

class Words : public testing::TestWithParam<std::pair<int, int>> {};

TEST_P(Words, EqualsASerialCount) {
  const auto& [tokenizers, counters] = GetParam();
  const ExampleRun run("words", {set("tokenizers", tokenizers), set("counters", counters)});
  ASSERT_EQ(run.status(), 0) << run.errors();

  const auto ranked = count_words(MVM_SOURCE_DIR "/examples/words/story.txt");
  ASSERT_GT(ranked.size(), 200u);
  std::ostringstream expected;
  for (const auto& [word, times] : ranked) expected << word << ',' << times << '\n';
  EXPECT_EQ(run.collected("sink.0", "words.csv"), expected.str());
  EXPECT_NE(run.output().find(ranked.front().first), std::string::npos) << run.output();
}

INSTANTIATE_TEST_SUITE_P(Examples, Words,
                         testing::Values(std::pair(1, 1), std::pair(2, 4), std::pair(5, 3)),
                         [](const auto& tested) {
                           return std::to_string(tested.param.first) + "To" +
                                  std::to_string(tested.param.second);
                         });

// ── plain ───────────────────────────────────────────────────────────────────────────────────────

class Plain : public testing::TestWithParam<std::pair<int, int>> {};

TEST_P(Plain, EqualsASerialCount) {
  const auto& [splitters, counters] = GetParam();
  const ExampleRun run(
      "plain", {set("splitters", splitters), set("counters", counters), set("top", 1'000'000)});
  ASSERT_EQ(run.status(), 0) << run.errors();
  std::ostringstream expected;
  for (const auto& [word, times] : count_words(MVM_SOURCE_DIR "/examples/words/story.txt")) {
    expected << "ranking[0]: " << times << ' ' << word << '\n';
  }
  EXPECT_EQ(run.output(), expected.str());
}

INSTANTIATE_TEST_SUITE_P(Examples, Plain, testing::Values(std::pair(1, 1), std::pair(3, 5)),
                         [](const auto& tested) {
                           return std::to_string(tested.param.first) + "To" +
                                  std::to_string(tested.param.second);
                         });

TEST(Plain, PrintsWhatItsReadmeShows) {
  const ExampleRun run("plain", {});
  ASSERT_EQ(run.status(), 0) << run.errors();
  const auto readme = mvm::read_file(MVM_SOURCE_DIR "/examples/plain/README.md", mvm::Bytes{65536});
  ASSERT_TRUE(readme) << readme.error().message;
  EXPECT_NE(readme->find("$ mvm run examples/plain\n" + run.output() + "```"), std::string::npos)
      << run.output();
}

// ── telemetry ───────────────────────────────────────────────────────────────────────────────────

/// What the monitor said, and what the summary tells of the queues before it.
struct Monitored {
  unsigned received = 0, sent = 0, alarms = 0;
  std::map<std::string, unsigned> queues;  ///< all of them: "enqueued", "dropped", …
  std::map<std::string, unsigned> drops;   ///< by cause
};

constexpr unsigned kReadings = 4 * 150;  ///< each tenth is an alarm

Monitored watch(const std::vector<std::string>& queue_line) {
  auto parameters = queue_line;
  parameters.emplace_back("readings=150");
  const ExampleRun run("telemetry", parameters);
  EXPECT_EQ(run.status(), 0) << run.errors();
  Monitored seen;
  const auto said = run.output().find("monitor[0]: ");
  if (said == std::string::npos ||
      std::sscanf(run.output().c_str() + said, "monitor[0]: %u of %u readings, %u alarms",
                  &seen.received, &seen.sent, &seen.alarms) != 3) {
    ADD_FAILURE() << run.output();
  }
  const auto summary = nlohmann::json::parse(run.summary());
  mvm::test::expect_sums(summary);
  for (const auto& channel : summary.at("channels")) {
    for (const char* name : {"enqueued", "dequeued", "dropped", "left", "lost_with_task"}) {
      seen.queues[name] += channel.at(name).get<unsigned>();
    }
    for (const auto& [cause, count] : channel.at("drops").items()) {
      if (count != 0) seen.drops[cause] += count.get<unsigned>();
    }
  }
  EXPECT_EQ(seen.sent, kReadings);
  EXPECT_EQ(seen.queues["enqueued"], kReadings);
  EXPECT_EQ(seen.queues["dequeued"], seen.received);
  EXPECT_EQ(seen.queues["dropped"], kReadings - seen.received);
  return seen;
}

TEST(Telemetry, GetsEveryReadingWhereTheQueueBlocks) {
  const auto seen = watch({"type=fifo", "overflow=block"});
  EXPECT_EQ(seen.received, kReadings);
  EXPECT_EQ(seen.alarms, kReadings / 10);
  EXPECT_TRUE(seen.drops.empty());
}

TEST(Telemetry, GetsTheNewestReadingsWhereTheQueueIsLatest) {
  const auto seen = watch({"type=latest"});
  EXPECT_LT(seen.received, kReadings);  // it needs eight times as long as the sensors
  EXPECT_EQ(seen.drops,
            (std::map<std::string, unsigned>{{"superseded", kReadings - seen.received}}));
}

TEST(Telemetry, GetsAlarmsBeforeOtherReadingsWhereTheQueueKnowsPriorities) {
  const auto seen = watch({"type=priority", "overflow=drop-oldest"});
  EXPECT_LT(seen.received, kReadings);
  EXPECT_GT(seen.alarms * 9, seen.received - seen.alarms) << "a greater part than of the others";
  EXPECT_EQ(seen.drops, (std::map<std::string, unsigned>{{"overflow", kReadings - seen.received}}));
}

// ── link ────────────────────────────────────────────────────────────────────────────────────────

/// The number behind these words of the output; -1 when they are not there.
double number_behind(const std::string& words, const std::string& output) {
  const auto at = output.find(words);
  return at == std::string::npos ? -1 : std::strtod(output.c_str() + at + words.size(), nullptr);
}

TEST(Link, MeasuresWhatTheProfileSays) {
  const ExampleRun run("link", {"latency=20ms", "bandwidth=8Mbit/s", "probes=10", "blocks=50"});
  ASSERT_EQ(run.status(), 0) << run.errors();
  EXPECT_GE(number_behind("from ", run.output()), 20.0) << "nothing is faster than the link";
  EXPECT_LT(number_behind("median ", run.output()), 200.0) << run.output();
  EXPECT_GT(number_behind("bandwidth: ", run.output()), 0.8) << run.output();
  EXPECT_LT(number_behind("bandwidth: ", run.output()), 80.0) << run.output();
  EXPECT_NE(run.output().find("lost: 0 of 60 messages"), std::string::npos) << run.output();
  mvm::test::expect_sums(nlohmann::json::parse(run.summary()));
}

TEST(Link, LosesTheSameMessagesForTheSameSeedAndCountsThem) {
  const auto lost = [](const std::string& seed) {
    const ExampleRun run("link", {"loss=20%", seed, "latency=0ms", "bandwidth=1Gbit/s", "probes=1",
                                  "block=100", "blocks=500"});
    EXPECT_EQ(run.status(), 0) << run.errors();
    const auto summary = nlohmann::json::parse(run.summary());
    mvm::test::expect_sums(summary);
    for (const auto& channel : summary.at("channels")) {
      if (channel.at("to") == "far[0].in") {
        EXPECT_EQ(channel.at("drops").at("lost"), number_behind("lost: ", run.output()));
      }
    }
    return number_behind("lost: ", run.output());
  };
  const auto first = lost("seed=1");
  EXPECT_NEAR(first, 100, 60);  // 20 % of 501; six standard deviations are 54
  EXPECT_EQ(first, lost("seed=1"));
}

// ── consensus ───────────────────────────────────────────────────────────────────────────────────

constexpr int kCells = 16;
using Neighbours = std::vector<std::vector<std::size_t>>;

/// The shapes whose neighbours can be told in a line. Torus: 4 x 4.
Neighbours neighbours_in(const std::string& shape) {
  Neighbours all(kCells);
  for (std::size_t i = 0; i < kCells; ++i) {
    const std::size_t x = i % 4, y = i / 4;
    if (shape == "ring") all[i] = {(i + 15) % 16, (i + 1) % 16};
    if (shape == "hypercube") all[i] = {i ^ 1, i ^ 2, i ^ 4, i ^ 8};
    if (shape == "torus") {
      all[i] = {y * 4 + (x + 3) % 4, y * 4 + (x + 1) % 4, (y + 3) % 4 * 4 + x, (y + 1) % 4 * 4 + x};
    }
    if (shape == "complete") {
      for (std::size_t j = 0; j < kCells; ++j) {
        if (i != j) all[i].push_back(j);
      }
    }
  }
  return all;
}

/// In which round the spread of all values is first below the limit, seen from above.
int rounds_until(double limit, const Neighbours& neighbours) {
  std::vector<double> values(kCells);
  std::iota(values.begin(), values.end(), 0.0);
  for (int round = 0;; ++round) {
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    if (*high - *low < limit) return round;
    std::vector<double> next = values;
    for (std::size_t i = 0; i < kCells; ++i) {
      for (const std::size_t j : neighbours[i]) {
        const auto degree =
            static_cast<double>(std::max(neighbours[i].size(), neighbours[j].size()));
        next[i] += (values[j] - values[i]) / (1.0 + degree);
      }
    }
    values = next;
  }
}

struct Agreement {
  double mean;
  int round;
};

/// What each task said: "cell[3]: mean 7.5000, agreed in round 19".
std::vector<Agreement> agreements(const std::string& output) {
  std::vector<Agreement> all;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    Agreement said{};
    const auto at = line.find("mean ");
    if (at != std::string::npos && std::sscanf(line.c_str() + at, "mean %lf, agreed in round %d",
                                               &said.mean, &said.round) == 2) {
      all.push_back(said);
    }
  }
  return all;
}

class Consensus : public testing::TestWithParam<std::string> {};

TEST_P(Consensus, AllAgreeOnTheMeanInTheSameRound) {
  const std::string& shape = GetParam();
  const ExampleRun run("consensus", {set("shape", shape), set("tasks", kCells), "spread=0.001"});
  ASSERT_EQ(run.status(), 0) << run.errors();

  const auto said = agreements(run.output());
  ASSERT_EQ(said.size(), std::size_t{kCells}) << run.output();
  for (const auto& [mean, round] : said) {
    EXPECT_NEAR(mean, 7.5, 0.001);
    EXPECT_EQ(round, said.front().round);
  }
  if (shape == "random-regular") {
    EXPECT_GT(said.front().round, rounds_until(0.001, neighbours_in("complete")));
    EXPECT_LT(said.front().round, rounds_until(0.001, neighbours_in("ring")));
  } else {
    EXPECT_EQ(said.front().round, rounds_until(0.001, neighbours_in(shape)));
  }
}

INSTANTIATE_TEST_SUITE_P(Examples, Consensus,
                         testing::Values("ring", "torus", "hypercube", "random-regular",
                                         "complete"),
                         [](const auto& tested) {
                           return tested.param == "random-regular" ? "randomRegular" : tested.param;
                         });

TEST(ConsensusSource, IsCompiledOnceForAllShapes) {
  const mvm::test::ProgramRunner runner;  // with an empty cache of its own
  const auto build = [&](const std::string& shape) {
    const auto done = runner.mvm(
        {"build", MVM_SOURCE_DIR "/examples/consensus", "-p", set("shape", shape), "-o", "json"});
    EXPECT_TRUE(done.status.success()) << done.errors;
    return done.output;
  };
  EXPECT_NE(build("ring").find("\"cached\":false"), std::string::npos);
  for (const char* shape : {"ring", "torus", "hypercube", "random-regular", "complete"}) {
    EXPECT_NE(build(shape).find("\"cached\":true"), std::string::npos) << shape;
  }
}

}  // namespace
