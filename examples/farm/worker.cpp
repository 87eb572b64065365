// SPDX-License-Identifier: Apache-2.0

// Renders tiles of the Mandelbrot set for as long as there are orders.

#include <mvm/job.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include "tile.hpp"

namespace {

constexpr std::array<Colour, 6> kSea = {
    {{0, 7, 100}, {32, 107, 203}, {237, 255, 255}, {255, 170, 0}, {60, 10, 20}, {0, 7, 100}}};
constexpr int kSamples = 2;  // per pixel, in each direction

struct View {
  int width, height;          // of the picture in pixels
  double centre_x, centre_y;  // in the plane
  double span;                // width of the picture in the plane
  int iterations;
};

/// The colour of a point of the plane: how soon does z = z^2 + c leave the disc? Never: black.
Colour colour_at(double x, double y, int iterations) {
  double zx = 0.0, zy = 0.0;
  for (int i = 0; i < iterations; ++i) {
    const double xx = zx * zx, yy = zy * zy;
    if (xx + yy > 1024.0) {
      const double smooth = i + 1.0 - std::log2(0.5 * std::log2(xx + yy));
      const double place = 0.22 * std::sqrt(smooth);
      return blend(kSea, place - std::floor(place));
    }
    zy = 2.0 * zx * zy + y;
    zx = xx - yy + x;
  }
  return {};
}

/// The mean colour of some points inside a pixel, which smooths the edges.
Colour pixel(const View& view, int column, int row) {
  int red = 0, green = 0, blue = 0;
  for (int i = 0; i < kSamples * kSamples; ++i) {
    const double dx = column + (i % kSamples + 0.5) / kSamples - view.width / 2.0;
    const double dy = row + (i / kSamples + 0.5) / kSamples - view.height / 2.0;
    const double step = view.span / view.width;
    const Colour colour =
        colour_at(view.centre_x + dx * step, view.centre_y - dy * step, view.iterations);
    red += colour.red;
    green += colour.green;
    blue += colour.blue;
  }
  const auto mean = [](int sum) { return static_cast<std::uint8_t>(sum / (kSamples * kSamples)); };
  return {mean(red), mean(green), mean(blue)};
}

void render(const View& view, Tile& tile) {
  Colour* to = tile.pixels.data();
  for (int y = 0; y < kTileSide; ++y) {
    for (int x = 0; x < kTileSide; ++x) *to++ = pixel(view, tile.left + x, tile.top + y);
  }
}

}  // namespace

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const auto& words = job.arguments();
  const View view{std::stoi(words.at(0)), std::stoi(words.at(1)), std::stod(words.at(2)),
                  std::stod(words.at(3)), std::stod(words.at(4)), std::stoi(words.at(5))};

  mvm::Port& out = job.port("out");
  while (auto order = job.port("in").next<TileOrder>()) {
    auto tile = out.loan<Tile>(1);  // rendered where it will be read: no copy
    tile[0].left = order->left;
    tile[0].top = order->top;
    tile[0].worker = static_cast<std::uint32_t>(job.index());
    render(view, tile[0]);
    out.send(std::move(tile));
  }
}
