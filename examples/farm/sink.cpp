// SPDX-License-Identifier: Apache-2.0

// Puts the tiles into the picture, in whatever order they come, and saves it as picture.png.

#include <mvm/job.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "tile.hpp"

namespace {

/// Copies a tile into the picture; what hangs over the picture's edge is cut off.
void place(const Tile& tile, Picture& picture) {
  const int width = std::min(kTileSide, picture.width() - tile.left);
  const int height = std::min(kTileSide, picture.height() - tile.top);
  for (int y = 0; y < height; ++y) {
    const Colour* row = &tile.pixels[static_cast<std::size_t>(y * kTileSide)];
    std::copy(row, row + width, &picture.at(tile.left, tile.top + y));
  }
}

}  // namespace

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  Picture picture(std::stoi(job.arguments().at(0)), std::stoi(job.arguments().at(1)));
  std::vector<int> tiles_of(std::stoul(job.arguments().at(2)));

  while (auto message = job.port("in").next<mvm::Message>()) {
    const Tile& tile = message->view<Tile>()[0];  // read where it lies in the queue
    place(tile, picture);
    ++tiles_of.at(tile.worker);
  }
  picture.save("picture.png");

  std::printf("%d x %d pixels in picture.png; tiles by worker:", picture.width(), picture.height());
  for (const int tiles : tiles_of) std::printf(" %d", tiles);
  std::printf("\n");
}
