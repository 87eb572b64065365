// SPDX-License-Identifier: Apache-2.0
#include <mvm/base/units.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>

namespace mvm {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

struct Quantity {
  double number;
  std::string_view unit;
};

std::optional<Quantity> split(std::string_view text) {
  Quantity quantity{};
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), quantity.number);
  if (error != std::errc() || !std::isfinite(quantity.number) || quantity.number < 0) return {};
  quantity.unit = text.substr(static_cast<std::size_t>(end - text.data()));
  while (quantity.unit.starts_with(' ')) quantity.unit.remove_prefix(1);
  return quantity;
}

template <std::size_t N>
std::optional<double> scale(std::string_view text, const std::array<Unit, N>& units) {
  const auto quantity = split(text);
  if (!quantity) return {};
  for (const auto& unit : units) {
    if (unit.name == quantity->unit) return quantity->number * unit.factor;
  }
  return {};
}

constexpr std::array kByteUnits{
    Unit{"", 1},         Unit{"B", 1},        Unit{"KiB", 0x1p10}, Unit{"MiB", 0x1p20},
    Unit{"GiB", 0x1p30}, Unit{"TiB", 0x1p40}, Unit{"kB", 1e3},     Unit{"KB", 1e3},
    Unit{"MB", 1e6},     Unit{"GB", 1e9},     Unit{"TB", 1e12},
};

constexpr std::array kTimeUnits{
    Unit{"ns", 1},     Unit{"us", 1e3},   Unit{"ms", 1e6},    Unit{"s", 1e9},
    Unit{"min", 60e9}, Unit{"h", 3600e9}, Unit{"d", 86400e9},
};

/// Three significant digits without trailing zeros.
std::string short_number(double number) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.3g", number);
  return buffer;
}

}  // namespace

Result<Bytes> parse_bytes(std::string_view words) {
  const auto count = scale(words, kByteUnits);
  if (!count || *count > 0x1p62) {
    return fail(ErrorCode::kUsage, "'", words,
                "' is not a size; write for example 64KiB or 512MiB");
  }
  return Bytes{static_cast<std::uint64_t>(*count)};
}

Result<Duration> parse_duration(std::string_view words) {
  const auto nanoseconds = scale(words, kTimeUnits);
  if (!nanoseconds || *nanoseconds > 0x1p62) {
    return fail(ErrorCode::kUsage, "'", words,
                "' is not a duration; write for example 10ms, 1.5s or 10min");
  }
  return Duration(static_cast<std::int64_t>(*nanoseconds));
}

std::string to_string(Bytes size) {
  const auto count = static_cast<double>(size.count);
  if (size.count < 1u << 10) return text(size.count, " B");
  if (size.count < 1u << 20) return short_number(count / 0x1p10) + " KiB";
  if (size.count < 1u << 30) return short_number(count / 0x1p20) + " MiB";
  if (size.count < std::uint64_t{1} << 40) return short_number(count / 0x1p30) + " GiB";
  return short_number(count / 0x1p40) + " TiB";
}

std::string to_string(Duration duration) {
  const auto ns = static_cast<double>(duration.count());
  if (ns < 1e3) return text(duration.count(), " ns");
  if (ns < 1e6) return short_number(ns / 1e3) + " us";
  if (ns < 1e9) return short_number(ns / 1e6) + " ms";
  if (ns < 120e9) return short_number(ns / 1e9) + " s";
  return short_number(ns / 60e9) + " min";
}

}  // namespace mvm
