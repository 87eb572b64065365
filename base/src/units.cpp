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

constexpr std::array kRateUnits{
    Unit{"/s", 1e9}, Unit{"/ms", 1e6}, Unit{"/us", 1e3}, Unit{"/min", 60e9}, Unit{"/h", 3600e9},
};

constexpr std::array kBandwidthUnits{
    Unit{"bit/s", 1},          Unit{"kbit/s", 1e3},       Unit{"Mbit/s", 1e6},
    Unit{"Gbit/s", 1e9},       Unit{"Tbit/s", 1e12},      Unit{"B/s", 8},
    Unit{"kB/s", 8e3},         Unit{"KB/s", 8e3},         Unit{"MB/s", 8e6},
    Unit{"GB/s", 8e9},         Unit{"KiB/s", 8 * 0x1p10}, Unit{"MiB/s", 8 * 0x1p20},
    Unit{"GiB/s", 8 * 0x1p30},
};

constexpr std::array kPartUnits{Unit{"", 1e9}, Unit{"%", 1e7}};

/// Three significant digits without trailing zeros.
std::string short_number(double number) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.3g", number);
  return buffer;
}

/// Six significant digits, so that what somebody wrote comes back as it was written.
std::string six_digits(double number) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, number < 1e6 ? "%.6g" : "%.0f", number);
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

Result<Duration> parse_rate(std::string_view words) {
  const auto quantity = split(words);
  for (const auto& unit : kRateUnits) {
    if (!quantity || unit.name != quantity->unit || quantity->number <= 0) continue;
    const auto nanoseconds = std::round(unit.factor / quantity->number);
    if (nanoseconds < 1 || nanoseconds > 0x1p62) break;
    return Duration(static_cast<std::int64_t>(nanoseconds));
  }
  return fail(ErrorCode::kUsage, "'", words,
              "' is not a rate above zero; write for example 1000/s, 5/ms or 90/min");
}

Result<std::uint64_t> parse_bandwidth(std::string_view words) {
  const auto bits = scale(words, kBandwidthUnits);
  if (!bits || *bits > 0x1p62) {
    return fail(ErrorCode::kUsage, "'", words,
                "' is not a bandwidth; write for example 10Mbit/s, 1.5Gbit/s or 125kB/s");
  }
  return static_cast<std::uint64_t>(std::round(*bits));
}

Result<std::uint32_t> parse_part(std::string_view words) {
  const auto billionths = scale(words, kPartUnits);
  if (!billionths || *billionths > 1e9) {
    return fail(ErrorCode::kUsage, "'", words,
                "' is not a part of a whole; write for example 1% or 0.01, at most 100%");
  }
  return static_cast<std::uint32_t>(std::round(*billionths));
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
  if (ns < 7200e9) return short_number(ns / 60e9) + " min";
  if (ns < 48 * 3600e9) return short_number(ns / 3600e9) + " h";
  return short_number(ns / 86400e9) + " d";
}

std::string rate_words(Duration interval) {
  const auto per_second = 1e9 / static_cast<double>(interval.count());
  if (per_second >= 0.1) return six_digits(per_second) + "/s";
  return six_digits(per_second * 3600) + "/h";
}

std::string bandwidth_words(std::uint64_t bits_per_second) {
  const auto bits = static_cast<double>(bits_per_second);
  if (bits < 1e3) return text(bits_per_second, " bit/s");
  if (bits < 1e6) return six_digits(bits / 1e3) + " kbit/s";
  if (bits < 1e9) return six_digits(bits / 1e6) + " Mbit/s";
  if (bits < 1e12) return six_digits(bits / 1e9) + " Gbit/s";
  return six_digits(bits / 1e12) + " Tbit/s";
}

std::string part_words(std::uint32_t billionths) {
  return six_digits(billionths / 1e7) + "%";
}

}  // namespace mvm
