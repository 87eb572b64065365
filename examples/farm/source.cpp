// SPDX-License-Identifier: Apache-2.0

// Cuts the picture into tiles and orders each from whichever worker is free.

#include <mvm/job.hpp>

#include <string>

#include "tile.hpp"

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const int width = std::stoi(job.arguments().at(0));
  const int height = std::stoi(job.arguments().at(1));

  mvm::Port& out = job.port("out");
  for (int top = 0; top < height; top += kTileSide) {
    for (int left = 0; left < width; left += kTileSide) out.send(TileOrder{left, top});
  }
}  // the end of this task is the end of the stream: the workers see it when all is ordered
