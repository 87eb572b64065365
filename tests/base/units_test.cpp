// SPDX-License-Identifier: Apache-2.0
#include <mvm/base/units.hpp>

#include <gtest/gtest.h>

namespace mvm {
namespace {

using namespace std::chrono_literals;

TEST(Units, ReadsSizes) {
  EXPECT_EQ(parse_bytes("512MiB").value(), 512_MiB);
  EXPECT_EQ(parse_bytes("64 KiB").value(), 64_KiB);
  EXPECT_EQ(parse_bytes("1GB").value(), Bytes{1'000'000'000});
  EXPECT_EQ(parse_bytes("4096").value(), 4_KiB);
  EXPECT_EQ(parse_bytes("4096B").value(), 4_KiB);
  EXPECT_EQ(parse_bytes("1.5KiB").value(), Bytes{1536});
  EXPECT_EQ(parse_bytes("0").value(), Bytes{0});
}

TEST(Units, RefusesWhatIsNoSize) {
  for (const auto* words : {"", "MiB", "-1", "12 parsecs", "1e99", "0x10", "1 2", "nan", "inf",
                            "12mib", "KiB12", "1KiB "}) {
    const auto size = parse_bytes(words);
    ASSERT_FALSE(size) << words;
    EXPECT_EQ(size.error().message,
              text("'", words, "' is not a size; write for example 64KiB or 512MiB"));
  }
}

TEST(Units, ReadsDurations) {
  EXPECT_EQ(parse_duration("10ms").value(), 10ms);
  EXPECT_EQ(parse_duration("1.5s").value(), 1500ms);
  EXPECT_EQ(parse_duration("250us").value(), 250us);
  EXPECT_EQ(parse_duration("90ns").value(), 90ns);
  EXPECT_EQ(parse_duration("10min").value(), 10min);
  EXPECT_EQ(parse_duration("2h").value(), 2h);
}

TEST(Units, RefusesADurationWithoutUnit) {
  for (const auto* words : {"10", "", "s", "-1s", "10 weeks", "1e300s"}) {
    EXPECT_FALSE(parse_duration(words)) << words;
  }
}

TEST(Units, ReadsRatesAsTheTimeBetween) {
  EXPECT_EQ(parse_rate("1000/s").value(), 1ms);
  EXPECT_EQ(parse_rate("5/ms").value(), 200us);
  EXPECT_EQ(parse_rate("1/us").value(), 1us);
  EXPECT_EQ(parse_rate("90/min").value(), Duration(666'666'667));
  EXPECT_EQ(parse_rate("0.5 /h").value(), 2h);
}

TEST(Units, RefusesWhatIsNoRate) {
  for (const auto* words : {"", "10", "/s", "0/s", "-1/s", "1e10/s", "1e-300/h", "1/week"}) {
    EXPECT_FALSE(parse_rate(words)) << words;
  }
}

TEST(Units, ReadsBandwidths) {
  EXPECT_EQ(parse_bandwidth("10Mbit/s").value(), 10'000'000u);
  EXPECT_EQ(parse_bandwidth("1.5 Gbit/s").value(), 1'500'000'000u);
  EXPECT_EQ(parse_bandwidth("300bit/s").value(), 300u);
  EXPECT_EQ(parse_bandwidth("125kB/s").value(), 1'000'000u);
  EXPECT_EQ(parse_bandwidth("1MiB/s").value(), 8u << 20);
  for (const auto* words : {"", "10", "10Mbit", "-1bit/s", "1e300Gbit/s", "10mbit/s"}) {
    EXPECT_FALSE(parse_bandwidth(words)) << words;
  }
}

TEST(Units, ReadsParts) {
  EXPECT_EQ(parse_part("1%").value(), 10'000'000u);
  EXPECT_EQ(parse_part("0.01").value(), 10'000'000u);
  EXPECT_EQ(parse_part("0.07 %").value(), 700'000u);
  EXPECT_EQ(parse_part("100%").value(), 1'000'000'000u);
  EXPECT_EQ(parse_part("0").value(), 0u);
  for (const auto* words : {"", "%", "-1%", "100.1%", "2", "1/100"}) {
    EXPECT_FALSE(parse_part(words)) << words;
  }
}

TEST(Units, WritesForPeople) {
  EXPECT_EQ(to_string(17_B), "17 B");
  EXPECT_EQ(to_string(512_MiB), "512 MiB");
  EXPECT_EQ(to_string(Bytes{3ull << 29}), "1.5 GiB");
  EXPECT_EQ(to_string(Duration(12us)), "12 us");
  EXPECT_EQ(to_string(Duration(340ms)), "340 ms");
  EXPECT_EQ(to_string(Duration(1250ms)), "1.25 s");
  EXPECT_EQ(to_string(Duration(10min)), "10 min");
  EXPECT_EQ(to_string(Duration(30h)), "30 h");
  EXPECT_EQ(to_string(Duration(9600h)), "400 d");
  EXPECT_EQ(rate_words(1ms), "1000/s");
  EXPECT_EQ(rate_words(1us), "1000000/s");
  EXPECT_EQ(rate_words(2h), "0.5/h");
  EXPECT_EQ(bandwidth_words(10'000'000), "10 Mbit/s");
  EXPECT_EQ(bandwidth_words(300), "300 bit/s");
  EXPECT_EQ(bandwidth_words(2'500'000'000'000), "2.5 Tbit/s");
  EXPECT_EQ(part_words(10'000'000), "1%");
  EXPECT_EQ(part_words(12'345'000), "1.2345%");
}

}  // namespace
}  // namespace mvm
