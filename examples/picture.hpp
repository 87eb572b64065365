// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Pictures for the examples: a grid of colours that is saved as PNG. Link with png.

#include <png.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

struct Colour {
  std::uint8_t red = 0, green = 0, blue = 0;
};

class Picture {
 public:
  Picture(int width, int height)
      : width_(width),
        height_(height),
        pixels_(static_cast<std::size_t>(width) * static_cast<std::size_t>(height)) {}

  int width() const { return width_; }
  int height() const { return height_; }
  Colour& at(int x, int y) {
    return pixels_[static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) +
                   static_cast<std::size_t>(x)];
  }

  void save(const std::string& path) const {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = static_cast<png_uint_32>(width_);
    image.height = static_cast<png_uint_32>(height_);
    image.format = PNG_FORMAT_RGB;
    if (png_image_write_to_file(&image, path.c_str(), 0, pixels_.data(), 0, nullptr) == 0) {
      throw std::runtime_error("cannot write " + path + ": " + image.message);
    }
  }

 private:
  int width_;
  int height_;
  std::vector<Colour> pixels_;
};

/// The colour at `position` of 0 … 1 on a scale given by equally spaced stops.
template <std::size_t Count>
Colour blend(const std::array<Colour, Count>& stops, double position) {
  const double place = std::clamp(position, 0.0, 1.0) * static_cast<double>(Count - 1);
  const auto below = std::min(static_cast<std::size_t>(place), Count - 2);
  const double part = place - static_cast<double>(below);
  const auto mix = [part](std::uint8_t low, std::uint8_t high) {
    return static_cast<std::uint8_t>(low + part * (high - low) + 0.5);
  };
  const Colour& low = stops[below];
  const Colour& high = stops[below + 1];
  return {mix(low.red, high.red), mix(low.green, high.green), mix(low.blue, high.blue)};
}

/// From black over red and orange to pale yellow: the brighter, the more.
inline constexpr std::array<Colour, 8> kFire = {{{0, 0, 4},
                                                 {40, 11, 84},
                                                 {101, 21, 110},
                                                 {159, 42, 99},
                                                 {212, 72, 66},
                                                 {245, 125, 21},
                                                 {250, 193, 39},
                                                 {252, 255, 164}}};
