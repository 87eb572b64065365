// SPDX-License-Identifier: Apache-2.0
// Random values of a type that has everything, also with damaged bytes.
#include <array>
#include <complex>
#include <deque>
#include <list>
#include <random>
#include <set>
#include <tuple>
#include <unordered_map>

#include "../queuelayer/test_seed.hpp"
#include "sample_types.hpp"

namespace mvm::test {
namespace {

using Everything =
    std::tuple<std::map<std::string, std::vector<std::optional<double>>>, std::vector<Tree>,
               std::unordered_map<int, std::pair<std::deque<short>, std::vector<bool>>>,
               std::array<std::set<std::string>, 2>, std::vector<std::list<Colour>>, Row,
               std::optional<std::vector<Version>>, std::vector<std::complex<float>>>;
using WideEverything =
    std::tuple<std::map<std::string, std::vector<std::optional<float>>>, std::vector<WideTree>,
               std::unordered_map<long, std::pair<std::deque<int>, std::vector<bool>>>,
               std::array<std::set<std::string>, 2>, std::vector<std::list<int>>, WideRow,
               std::optional<std::vector<Version>>, std::vector<std::complex<double>>>;

class RandomValue {
 public:
  explicit RandomValue(std::mt19937& engine) : engine_(engine) {}

  void fill(bool& value) { value = engine_() % 2 == 0; }
  void fill(short& value) { value = static_cast<short>(engine_()); }
  void fill(int& value) { value = static_cast<int>(engine_()); }
  void fill(float& value) { value = static_cast<float>(small()); }
  void fill(double& value) { value = static_cast<float>(small()) / 4; }
  void fill(Colour& value) { value = static_cast<Colour>(engine_()); }
  void fill(Version& value) { value.major = small(); }
  void fill(std::complex<float>& value) { value = {float(small()), float(small())}; }
  void fill(std::string& value) {
    value.resize(engine_() % 20);
    for (char& letter : value) letter = static_cast<char>(engine_());
  }
  void fill(Row& value) { fill(value.id), fill(value.name), fill(value.values); }
  void fill(Tree& value) {
    fill(value.value);
    if (depth_ > 3) return;
    ++depth_;
    fill(value.children), fill(value.named);
    --depth_;
  }
  template <typename T>
  void fill(std::optional<T>& value) {
    if (engine_() % 2 == 0) fill(value.emplace());
  }
  template <typename T, std::size_t N>
  void fill(std::array<T, N>& value) {
    for (auto& each : value) fill(each);
  }
  template <typename A, typename B>
  void fill(std::pair<A, B>& value) {
    fill(value.first), fill(value.second);
  }
  template <typename... T>
  void fill(std::tuple<T...>& value) {
    std::apply([&](auto&... each) { (fill(each), ...); }, value);
  }
  template <typename T>
  std::enable_if_t<can_push_back<T>::value> fill(T& list) {
    for (auto left = engine_() % 4; left > 0; --left) {
      typename T::value_type each{};
      fill(each);
      list.push_back(std::move(each));
    }
  }
  template <typename T>
  std::enable_if_t<has_key<T>::value> fill(T& keys) {
    for (auto left = engine_() % 4; left > 0; --left) {
      typename T::key_type key{};
      fill(key);
      if constexpr (has_mapped<T>::value) {
        fill(keys[key]);
      } else {
        keys.insert(key);
      }
    }
  }

 private:
  int small() { return static_cast<int>(engine_() % 10'000) - 5000; }
  std::mt19937& engine_;
  int depth_ = 0;
};

TEST(AnyComposite, ComesBackAlsoThroughOtherSizes) {
  std::mt19937 engine(queue::test_seed());
  for (int round = 0; round < 300; ++round) {
    Everything value;
    RandomValue(engine).fill(value);
    const auto bytes = pack(value);
    ASSERT_EQ(reread<Everything>(bytes), value);
    const auto wide = reread<WideEverything>(bytes, true);
    ASSERT_EQ(reread<Everything>(pack(wide), true), value);
  }
}

TEST(AnyComposite, WithDamagedBytesIsAValueOrAnError) {
  std::mt19937 engine(queue::test_seed());
  for (int round = 0; round < 3000; ++round) {
    Everything value;
    RandomValue(engine).fill(value);
    auto bytes = pack(value);
    const auto signature = signature_of<Everything>().size() + 2;
    for (auto changes = 1 + engine() % 3; changes > 0; --changes) {
      const auto at = engine() % 4 == 0 ? engine() % bytes.size()
                                        : signature + engine() % (bytes.size() - signature);
      bytes[at] = static_cast<char>(engine());
    }
    try {
      const auto read = reread<WideEverything>(bytes, true);
      reread<WideEverything>(pack(read));
    } catch (const error&) {
    } catch (const std::logic_error&) {  // std::stoi of Version
    }
  }
}

}  // namespace
}  // namespace mvm::test
