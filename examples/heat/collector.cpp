// SPDX-License-Identifier: Apache-2.0

// Puts the patches of a plate together, in whatever order they come, and writes the temperatures
// as field.csv and as a picture, heat.png.

#include <mvm/job.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "../picture.hpp"
#include "patch.hpp"

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const int n = std::stoi(job.arguments().at(0));
  std::vector<double> field(static_cast<std::size_t>(n) * static_cast<std::size_t>(n));

  mvm::Port& in = job.port("in");
  while (auto patch = in.next<Patch>()) {
    const auto& [left, top, width, height] = patch->place;
    auto row = patch->values.begin();
    for (int y = top; y < top + height; ++y, row += width) {
      std::copy(row, row + width, field.begin() + y * n + left);
    }
  }

  std::FILE* csv = std::fopen("field.csv", "w");
  if (csv == nullptr) throw mvm::error("cannot write field.csv");
  Picture picture(n, n);
  auto value = field.begin();
  for (int y = 0; y < n; ++y) {
    for (int x = 0; x < n; ++x, ++value) {
      std::fprintf(csv, "%s%.17g", x == 0 ? "" : ",", *value);  // 17 digits tell every double
      picture.at(x, y) = blend(kFire, *value / 100.0);
    }
    std::fputc('\n', csv);
  }
  if (std::fclose(csv) != 0) throw mvm::error("cannot write field.csv");
  picture.save("heat.png");

  const auto [lowest, highest] = std::minmax_element(field.begin(), field.end());
  std::printf("%d x %d points between %.3f and %.3f degrees, drawn in heat.png\n", n, n, *lowest,
              *highest);
}
