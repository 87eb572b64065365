// SPDX-License-Identifier: Apache-2.0
// Every collective operation, compared with what one task alone computes from all tasks' values,
// which each can make. Members come late at random.
// Arguments: number of machines (unused here), seed, length of the large vectors.
#include <unistd.h>

#include <array>
#include <cstdint>
#include <map>
#include <mvm/job.hpp>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "check.hpp"

namespace {

/// Products of such matrices depend on their order.
struct Matrix {
  std::uint32_t a, b, c, d;
  bool operator==(const Matrix& other) const {
    return a == other.a && b == other.b && c == other.c && d == other.d;
  }
};
Matrix times(const Matrix& x, const Matrix& y) {
  return {x.a * y.a + x.b * y.c, x.a * y.b + x.b * y.d, x.c * y.a + x.d * y.c,
          x.c * y.b + x.d * y.d};
}

/// What member i gives: not the same twice, and sums of it depend on their order in the last bits.
double number(std::size_t i, std::size_t k) {
  return 1.0 / static_cast<double>(3 * i + 7 * k + 1) + static_cast<double>(i % 5) * 1e9;
}
std::vector<double> numbers(std::size_t i, std::size_t length) {
  std::vector<double> all(length);
  for (std::size_t k = 0; k < length; ++k) all[k] = number(i, k);
  return all;
}
std::string text(std::size_t i) {
  return std::string(i % 7 * 11, static_cast<char>('a' + i % 26)) + std::to_string(i);
}

/// From the left over members first … last-1.
template <typename T, typename Make, typename Op>
T folded(std::size_t last, Make make, Op op) {
  T result = make(0);
  for (std::size_t i = 1; i < last; ++i) result = op(result, make(i));
  return result;
}

std::vector<double> added(std::vector<double> x, const std::vector<double>& y) {
  for (std::size_t k = 0; k < x.size(); ++k) x[k] += y[k];
  return x;
}

class Checks {
 public:
  Checks(mvm::Team& team, std::uint32_t seed) : team_(team), seed_(seed) {
    random_.seed(seed + static_cast<std::uint32_t>(team.index()) * 7919);
  }

  void run(std::size_t large) {
    synchronising();
    reductions();
    for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{5},
                                     std::size_t{1023}, std::size_t{1500}, large}) {
      vectors(length);
    }
    orders();
    moving();
    rooted_in_a_row();
  }

 private:
  std::size_t i() const { return team_.index(); }
  std::size_t n() const { return team_.count(); }
  /// Comes late, sometimes.
  void dawdle() {
    if (random_() % 8 == 0) ::usleep(random_() % 2000);
  }

  void synchronising() {
    for (int k = 0; k < 20; ++k) {
      dawdle();
      team_.barrier();
    }
  }

  void reductions() {
    const auto each = [](std::size_t member) { return static_cast<int>(member * member % 17) + 1; };
    const int mine = each(i());
    dawdle();
    CHECK(team_.all_reduce(mine, mvm::sum) == folded<int>(n(), each, std::plus<int>()));
    CHECK(team_.all_reduce(mine, mvm::product) == folded<int>(n(), each, std::multiplies<int>()));
    CHECK(team_.all_reduce(mine, mvm::min) ==
          folded<int>(n(), each, [](int a, int b) { return b < a ? b : a; }));
    CHECK(team_.all_reduce(mine, mvm::max) ==
          folded<int>(n(), each, [](int a, int b) { return a < b ? b : a; }));
    CHECK(team_.all_reduce(mine, mvm::bit_and) == folded<int>(n(), each, std::bit_and<int>()));
    CHECK(team_.all_reduce(mine, mvm::bit_or) == folded<int>(n(), each, std::bit_or<int>()));
    CHECK(team_.all_reduce(mine, mvm::bit_xor) == folded<int>(n(), each, std::bit_xor<int>()));
    CHECK(team_.all_reduce(i() != 1, mvm::logical_and) == (n() < 2));
    CHECK(team_.all_reduce(i() == 1, mvm::logical_or) == (n() >= 2));
    dawdle();
    const auto sum = team_.reduce(mine, mvm::sum);
    CHECK(sum.has_value() == team_.is_root());
    if (sum) CHECK(*sum == folded<int>(n(), each, std::plus<int>()));
    CHECK(team_.scan(mine, mvm::sum) == folded<int>(i() + 1, each, std::plus<int>()));
    const int before = i() == 0 ? 0 : folded<int>(i(), each, std::plus<int>());
    CHECK(team_.exclusive_scan(mine, mvm::sum, 100) == 100 + before);
    // To the last bit.
    const auto real = [](std::size_t member) { return number(member, 0); };
    CHECK(team_.all_reduce(real(i()), mvm::sum) == folded<double>(n(), real, std::plus<double>()));
    const auto pair = team_.all_reduce(std::array<int, 2>{mine, -mine}, mvm::max);
    CHECK(pair[0] == folded<int>(n(), each, [](int a, int b) { return a < b ? b : a; }));
    CHECK(pair[1] == -folded<int>(n(), each, [](int a, int b) { return b < a ? b : a; }));
  }

  void vectors(std::size_t length) {
    const auto each = [&](std::size_t member) { return numbers(member, length); };
    const auto mine = each(i());
    const auto all = folded<std::vector<double>>(n(), each, added);
    dawdle();
    CHECK(team_.all_reduce(mine, mvm::sum) == all);
    const auto sum = team_.reduce(mine, mvm::sum);
    CHECK(sum.has_value() == team_.is_root());
    CHECK(!sum || *sum == all);
    if (length <= 2000) {
      CHECK(team_.scan(mine, mvm::sum) == folded<std::vector<double>>(i() + 1, each, added));
    }
    const auto root = each(team_.root());
    CHECK(team_.broadcast(team_.is_root() ? mine : std::vector<double>{}) == root);
    dawdle();
    const auto gathered = team_.gather(mine);
    CHECK(gathered.size() == (team_.is_root() ? n() : 0));
    for (std::size_t k = 0; k < gathered.size(); ++k) CHECK(gathered[k] == each(k));
  }

  /// Operations that do not commute, on values and on elements.
  void orders() {
    const auto each = [](std::size_t member) {
      const auto m = static_cast<std::uint32_t>(member);
      return Matrix{m + 1, m * 3 + 2, m ^ 5, 2 * m + 7};
    };
    CHECK(team_.all_reduce(each(i()), times) == folded<Matrix>(n(), each, times));
    const auto product = team_.reduce(each(i()), times);
    CHECK(!product || *product == folded<Matrix>(n(), each, times));
    CHECK(team_.scan(each(i()), times) == folded<Matrix>(i() + 1, each, times));
    // More of them than one cache line, and than one member combines alone.
    const auto many = [&](std::size_t member) { return std::vector<Matrix>(700, each(member)); };
    const auto products = team_.all_reduce(many(i()), times);
    CHECK(products == std::vector<Matrix>(700, folded<Matrix>(n(), each, times)));
    // Strings are taken as a whole.
    const auto join = [](const std::string& a, const std::string& b) { return a + b; };
    CHECK_EQUAL(team_.all_reduce(text(i()), mvm::sum), folded<std::string>(n(), text, join));
    CHECK_EQUAL(team_.scan(text(i()), join), folded<std::string>(i() + 1, text, join));
    const auto before = i() == 0 ? std::string() : folded<std::string>(i(), text, join);
    CHECK_EQUAL(team_.exclusive_scan(text(i()), join, std::string("<")), "<" + before);
    const auto joined = team_.reduce(text(i()), join);
    CHECK(joined.has_value() == team_.is_root());
    if (joined) CHECK_EQUAL(*joined, folded<std::string>(n(), text, join));
  }

  void moving() {
    dawdle();
    CHECK(team_.broadcast(static_cast<int>(i())) == static_cast<int>(team_.root()));
    CHECK_EQUAL(team_.broadcast(text(i())), text(team_.root()));
    using Record = std::map<std::string, std::vector<int>>;
    const Record record{{"a", {1, 2}}, {text(i()), {static_cast<int>(i())}}};
    CHECK((team_.broadcast(record) ==
           Record{{"a", {1, 2}}, {text(team_.root()), {static_cast<int>(team_.root())}}}));

    const auto indices = team_.all_gather(i());
    CHECK(indices.size() == n());
    for (std::size_t k = 0; k < n(); ++k) CHECK(indices[k] == k);
    const auto flags = team_.all_gather(i() % 3 == 0);
    for (std::size_t k = 0; k < n(); ++k) CHECK(flags[k] == (k % 3 == 0));
    dawdle();
    const auto texts = team_.all_gather(text(i()));
    for (std::size_t k = 0; k < n(); ++k) CHECK_EQUAL(texts[k], text(k));

    std::vector<std::vector<int>> blocks;
    if (team_.is_root()) {
      for (std::size_t k = 0; k < n(); ++k) blocks.emplace_back(k * 3, static_cast<int>(k));
    }
    CHECK(team_.scatter(blocks) == std::vector<int>(i() * 3, static_cast<int>(i())));
    std::vector<int> plain;
    if (team_.is_root()) {
      for (std::size_t k = 0; k < n(); ++k) plain.push_back(static_cast<int>(k) + 5);
    }
    CHECK(team_.scatter(plain) == static_cast<int>(i()) + 5);

    dawdle();
    std::vector<std::size_t> pairs;
    std::vector<std::string> words;
    for (std::size_t k = 0; k < n(); ++k) {
      pairs.push_back(i() * 1000 + k);
      words.push_back(std::string((i() + 2 * k) % 90, 'x') + std::to_string(i() * 1000 + k));
    }
    const auto mine = team_.all_to_all(pairs);
    const auto said = team_.all_to_all(words);
    CHECK(mine.size() == n() && said.size() == n());
    for (std::size_t k = 0; k < n(); ++k) {
      CHECK(mine[k] == k * 1000 + i());
      CHECK_EQUAL(said[k], std::string((k + 2 * i()) % 90, 'x') + std::to_string(k * 1000 + i()));
    }
  }

  /// Operations that let some members run ahead, in an order that all members make from the seed.
  void rooted_in_a_row() {
    std::mt19937 order(seed_);
    for (int k = 0; k < 120; ++k) {
      if (random_() % 32 == 0) ::usleep(random_() % 1000);
      const auto size = order() % 3 == 0 ? order() % 3000 : order() % 9;
      const auto base = std::vector<std::uint32_t>(size, order());
      auto mine = base;
      for (auto& each : mine) each += static_cast<std::uint32_t>(i());
      switch (order() % 5) {
        case 0: {
          auto wanted = base;
          for (auto& each : wanted) each += static_cast<std::uint32_t>(team_.root());
          CHECK(team_.broadcast(mine) == wanted);
          break;
        }
        case 1: {
          const auto sum = team_.reduce(mine, mvm::sum);
          CHECK(sum.has_value() == team_.is_root());
          const auto count = static_cast<std::uint32_t>(n());
          for (std::size_t at = 0; sum && at < size; ++at) {
            CHECK((*sum)[at] == base[at] * count + count * (count - 1) / 2);
          }
          break;
        }
        case 2: {
          const auto all = team_.gather(mine);
          for (std::size_t member = 0; member < all.size(); ++member) {
            CHECK(all[member].size() == size);
            CHECK(size == 0 || all[member][0] == base[0] + member);
          }
          break;
        }
        case 3: {
          const auto sum = team_.scan(mine, mvm::sum);
          const auto count = static_cast<std::uint32_t>(i()) + 1;
          for (std::size_t at = 0; at < size; ++at) {
            CHECK(sum[at] == base[at] * count + count * (count - 1) / 2);
          }
          break;
        }
        default:
          team_.barrier();
      }
    }
  }

  mvm::Team& team_;
  std::uint32_t seed_;
  std::mt19937 random_;
};

}  // namespace

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const auto seed = static_cast<std::uint32_t>(std::stoul(job.arguments().at(0)));
  const auto large = std::stoul(job.arguments().at(1));
  CHECK(job.team().count() == job.count());
  CHECK(job.team().index() == job.index());
  CHECK(job.everyone().count() >= job.count());
  // While one job is at its own operations, the other is at other ones.
  Checks own(job.team(), seed);
  own.run(large);
  Checks(job.everyone(), seed + 1).run(1000);
  for (int k = 0; k < 20; ++k) {
    CHECK(job.everyone().all_reduce(1, mvm::sum) == static_cast<int>(job.everyone().count()));
    if (job.name().front() == 'm') job.barrier();
  }
}
