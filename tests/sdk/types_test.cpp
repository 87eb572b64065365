// SPDX-License-Identifier: Apache-2.0
// What can be sent, as bytes: no group is needed for that.
#include <gtest/gtest.h>

#include <array>
#include <complex>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <mvm/job.hpp>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "../queuelayer/test_seed.hpp"

// Types of a job.

enum class Colour : short { kRed = 1, kBlue = -7 };

struct Row {
  int id = 0;
  std::string name;
  std::vector<double> values;
  MVM_FIELDS(id, name, values);
  bool operator==(const Row& other) const {
    return id == other.id && name == other.name && values == other.values;
  }
};
/// The same on another machine, where an id is wider.
struct WideRow {
  long id = 0;
  std::string name;
  std::vector<float> values;
  MVM_FIELDS(id, name, values);
};
struct OtherRow {
  int number = 0;
  std::string name;
  std::vector<double> values;
  MVM_FIELDS(number, name, values);
};

struct Tree {
  int value = 0;
  std::vector<Tree> children;
  std::map<std::string, Tree> named;
  MVM_FIELDS(value, children, named);
  bool operator==(const Tree& other) const {
    return value == other.value && children == other.children && named == other.named;
  }
};
struct WideTree {
  long value = 0;
  std::vector<WideTree> children;
  std::map<std::string, WideTree> named;
  MVM_FIELDS(value, children, named);
};

/// Two structures inside of each other.
struct Branch;
struct Leaf {
  char mark[4] = {};
  std::vector<Branch> branches;
  MVM_FIELDS(mark, branches);
};
struct Branch {
  std::vector<Leaf> leaves;
  std::optional<short> weight;
  std::vector<Branch> branches;
  MVM_FIELDS(leaves, weight, branches);
};
struct WideBranch;
struct WideLeaf {
  char mark[4] = {};
  std::vector<WideBranch> branches;
  MVM_FIELDS(mark, branches);
};
struct WideBranch {
  std::vector<WideLeaf> leaves;
  std::optional<long> weight;
  std::vector<WideBranch> branches;
  MVM_FIELDS(leaves, weight, branches);
};

/// Its members lie close together as they are, so it has a form in memory too.
struct Cell {
  int x = 0;
  double heat = 0;
  MVM_FIELDS(x, heat);
  bool operator==(const Cell& other) const { return x == other.x && heat == other.heat; }
};
struct NamedCell : Cell {
  std::string name;
  MVM_FIELDS(x, heat, name);
};
/// What its base lists would be a part of it only.
struct ForgottenCell : Cell {
  std::string name;
};
class Account {
 public:
  Account() = default;
  explicit Account(int balance) : balance_(balance) {}
  int balance() const { return balance_; }
  MVM_FIELDS(balance_);

 private:
  int balance_ = 0;
};
struct Point {
  double x, y;
};
struct Version {
  int major = 0;
  bool operator==(const Version& other) const { return major == other.major; }
  bool operator<(const Version& other) const { return major < other.major; }
};
template <>
struct mvm::Codec<Version> {
  static constexpr const char* name = "Version";
  static std::string encode(const Version& version) { return "v" + std::to_string(version.major); }
  static Version decode(std::string_view bytes) {
    if (bytes.empty() || bytes[0] != 'v') throw mvm::error("these bytes are no version");
    return {std::stoi(std::string(bytes.substr(1)))};
  }
};

namespace mvm::test {
namespace {

/// Of this file alone, with arrays of every sort, and a template.
struct Board {
  Cell cells[2][2];
  std::array<Cell, 2> more;
  char mark[4] = {};
  int grid[2][3] = {};
  MVM_FIELDS(cells, more, mark, grid);
};
template <typename T>
struct Box {
  T value{};
  std::vector<Box> inner;
  MVM_FIELDS(value, inner);
};
/// Can be sent, but not received: nobody would own what it shows.
struct Shown {
  std::span<const int> numbers;
  std::string_view words;
  std::vector<const char*> more;
  MVM_FIELDS(numbers, words, more);
};
struct Owned {
  std::vector<int> numbers;
  std::string words;
  std::vector<std::string> more;
  MVM_FIELDS(numbers, words, more);
};

using namespace mvm::detail;
using namespace std::string_literals;

template <typename T>
T reread(const std::string& bytes, bool portable = false) {
  Block block;
  block.portable = portable;
  return unpack<T>(bytes, portable, block);
}
template <typename T>
void expect_round_trip(const T& value) {
  const auto bytes = pack(value);
  EXPECT_EQ(reread<T>(bytes), value) << signature_of<T>();
  // Every cut is noticed, and so is every byte more.
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_THROW(reread<T>(bytes.substr(0, length)), error) << signature_of<T>() << length;
  }
  EXPECT_THROW(reread<T>(bytes + '\0'), error) << signature_of<T>();
}
template <typename Call>
std::string refusal(Call&& call) {
  try {
    call();
  } catch (const error& problem) {
    return problem.what();
  }
  return "accepted";
}

TEST(Composite, ComesBackAsItWas) {
  expect_round_trip(std::pair(1, 2.5));
  expect_round_trip(std::tuple(1, 'c', true, "words"s, Colour::kBlue, std::byte{7}));
  expect_round_trip(std::tuple<>());
  expect_round_trip(std::vector<std::string>{"", "a", std::string(1000, 'x')});
  expect_round_trip(std::vector<std::vector<double>>{{}, {1, 2}, {3}});
  expect_round_trip(std::vector<std::pair<std::string, int>>{{"a", 1}, {"b", 2}});
  expect_round_trip(std::map<std::string, double>{{"a", 1}, {"b", 2}});
  expect_round_trip(
      std::map<int, std::map<int, std::vector<char>>>{{1, {{2, {'a', '\0'}}}}, {3, {}}});
  expect_round_trip(std::multimap<int, int>{{1, 2}, {1, 3}});
  expect_round_trip(std::unordered_map<std::string, std::set<int>>{{"a", {1, 2}}, {"b", {}}});
  expect_round_trip(std::unordered_set<std::string>{"a", "b"});
  expect_round_trip(std::set<std::pair<int, int>>{{1, 2}, {3, 4}});
  expect_round_trip(std::optional<int>());
  expect_round_trip(std::optional<std::optional<int>>(std::optional<int>()));
  expect_round_trip(std::optional<std::vector<std::string>>({"a"}));
  expect_round_trip(std::array<std::string, 3>{"a", "", "c"});
  expect_round_trip(std::array<std::string, 0>{});
  expect_round_trip(std::vector<std::array<std::string, 0>>(3));
  expect_round_trip(std::vector<std::tuple<>>(3));
  expect_round_trip(std::vector<std::vector<bool>>{{true, false}, {}});
  expect_round_trip(std::pair(std::deque<int>{1, 2}, std::list<std::string>{"a"}));
  expect_round_trip(std::pair(std::array<std::array<int, 2>, 2>{{{1, 2}, {3, 4}}}, u'x'));
  expect_round_trip(std::vector<std::optional<bool>>{true, false, {}});
  expect_round_trip(
      std::pair(std::complex<float>(1, 2), std::vector<std::complex<double>>{{3, 4}}));
  expect_round_trip(std::tuple(std::numeric_limits<std::int64_t>::min(),
                               std::numeric_limits<std::uint64_t>::max(),
                               std::numeric_limits<double>::infinity()));
}

TEST(Composite, HoldsTheUsersOwnTypes) {
  expect_round_trip(Row{7, "seven", {1, 2.5}});
  expect_round_trip(std::vector<Row>{{1, "a", {}}, {2, "b", {3}}});
  expect_round_trip(std::map<std::string, std::optional<Row>>{{"a", Row{1, "b", {2}}}, {"c", {}}});
  expect_round_trip(Cell{1, 2.5});
  expect_round_trip(std::vector<Cell>{{1, 2}, {3, 4}});
  expect_round_trip(std::vector<Version>{{1}, {22}});
  expect_round_trip(std::pair(Version{3}, 4));
  expect_round_trip(Tree{1, {{2, {}, {}}, {3, {{4, {}, {}}}, {}}}, {{"five", {5, {}, {}}}}});
  EXPECT_EQ(reread<Account>(pack(Account(5))).balance(), 5);
  NamedCell named;
  named.x = 3;
  named.name = "corner";
  EXPECT_EQ(reread<NamedCell>(pack(named)).name, "corner");
}

TEST(Composite, HoldsArraysTemplatesAndViews) {
  Board board;
  board.cells[1][0].x = 3;
  board.more[1].heat = 4;
  board.mark[0] = 'm';
  board.grid[1][2] = 5;
  const auto same = reread<Board>(pack(board));
  EXPECT_TRUE(same.cells[1][0].x == 3 && same.more[1].heat == 4);
  EXPECT_TRUE(same.mark[0] == 'm' && same.grid[1][2] == 5);
  EXPECT_EQ(signature_of<Board>(),
            "{.cells a2(a2({.x i4.heat f8})).more a2({.x i4.heat f8}).mark a4(c).grid a2(a3(i4))}");

  Box<std::pair<int, Cell>> box;
  box.inner.resize(2);
  box.inner[1].value = {1, {2, 3}};
  EXPECT_EQ((reread<Box<std::pair<int, Cell>>>(pack(box)).inner[1].value),
            (std::pair(1, Cell{2, 3})));

  const int numbers[] = {1, 2, 3};
  const auto owned = reread<Owned>(pack(Shown{numbers, "words", {"a", "b"}}));
  EXPECT_EQ(owned.numbers, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(owned.words, "words");
  EXPECT_EQ(owned.more, (std::vector<std::string>{"a", "b"}));
}

// The signatures and the bytes of docs/types.md.

TEST(Composite, HasTheSignatureOfItsType) {
  EXPECT_EQ((signature_of<std::map<std::string, std::vector<double>>>()), "m(s,v(f8))");
  EXPECT_EQ((signature_of<std::tuple<signed char, short, int, long, unsigned short, unsigned,
                                     unsigned long, unsigned char, std::byte>>()),
            "p(i1,i2,i4,i8,u2,u4,u8,y,y)");
  EXPECT_EQ((signature_of<std::tuple<bool, char, float, double, std::complex<float>>>()),
            "p(b,c,f4,f8,z8)");
  EXPECT_EQ((signature_of<std::pair<std::optional<Colour>, std::array<std::set<int>, 3>>>()),
            "p(o(i2),a3(e(i4)))");
  EXPECT_EQ(signature_of<Row>(), "{.id i4.name s.values v(f8)}");
  EXPECT_EQ(signature_of<Tree>(), "{.value i4.children v(^0;).named m(s,^0;)}");
  EXPECT_EQ(signature_of<Branch>(),
            "{.leaves v({.mark a4(c).branches v(^1;)}).weight o(i2).branches v(^0;)}");
  EXPECT_EQ((signature_of<std::pair<Version, std::string_view>>()), "p(x<Version>,s)");
}

TEST(Composite, LiesByteByByteAsDocumented) {
  EXPECT_EQ(pack(std::map<std::string, std::int16_t>{{"ab", 0x0102}}),
            "\x07\0m(s,i2)\x01\0\0\0\x02\0\0\0ab\x02\x01"s);
  EXPECT_EQ(pack(std::pair(std::optional<int>(), std::optional<int>(-2))),
            "\x0e\0p(o(i4),o(i4))"s + "\0\x01\xfe\xff\xff\xff"s);
  EXPECT_EQ(pack(std::tuple(true, 1.0, std::array<char, 2>{'x', 'y'}, Version{4})),
            "\x18\0p(b,f8,a2(c),x<Version>)"s + "\x01\0\0\0\0\0\0\xf0\x3fxy\x02\0\0\0v4"s);
}

TEST(Composite, IsChosenForWhatHasNoFormInMemory) {
  EXPECT_TRUE((is_composite<std::pair<int, int>>() && is_composite<std::optional<int>>()));
  EXPECT_TRUE((is_composite<std::vector<std::string>>() && is_composite<std::set<int>>()));
  EXPECT_TRUE((is_composite<Cell>() && is_composite<std::vector<Cell>>()));
  EXPECT_TRUE((is_composite<std::array<std::pair<int, int>, 2>>()));
  EXPECT_FALSE((is_composite<int>() || is_composite<std::string>() || is_composite<Point>()));
  EXPECT_FALSE((is_composite<std::vector<Point>>() || is_composite<std::array<int, 3>>()));
  EXPECT_FALSE((is_composite<std::vector<bool>>() || is_composite<std::list<int>>()));
  EXPECT_FALSE((is_composite<Version>() || is_composite<std::complex<double>>()));
  EXPECT_FALSE((has_fields<ForgottenCell>::value));
  EXPECT_TRUE((is_scattered<std::vector<bool>>() && is_scattered<std::deque<Point>>()));
}

TEST(TypeTag, IsOfTheElementsInTheEnd) {
  EXPECT_EQ((type_tag<std::array<int[2], 3>>()), type_tag<int>());
  EXPECT_EQ(type_tag<Colour>(), type_tag<short>());
  EXPECT_EQ(type_tag<unsigned char>(), 0u);
  EXPECT_EQ(type_tag<Point>(), make_tag(Kind::kStructure, 16));
  EXPECT_EQ(type_tag<std::complex<double>>(), make_tag(Kind::kComplex, 16));
  EXPECT_EQ(kind_of(own_tag<Version>()), Kind::kOwn);
  EXPECT_NE((composite_tag<std::map<std::string, int>>()),
            (composite_tag<std::map<std::string, double>>()));
  // 30 bits are all that the slots have.
  EXPECT_EQ((composite_tag<std::map<std::string, int>>() >> 30), 0u);
}

// Another type than the sender's.

TEST(Mismatch, IsToldInWords) {
  const auto bytes = pack(std::map<std::string, double>{{"a", 1}});
  Block block;
  block.data = const_cast<char*>(bytes.data());
  block.size = bytes.size();
  block.type = composite_tag<std::map<std::string, double>>();
  EXPECT_EQ(refusal([&] { unpack<Row>(bytes, true, block); }),
            "asked for {id: int32, name: string, values: list of double}, but the sender sent 26 "
            "bytes of map of string to double; send and receive the same type");
  EXPECT_EQ(refusal([&] { (unpack<std::map<std::string, float>>(bytes, false, block)); }),
            "asked for map of string to float, but the sender sent 26 bytes of map of string to "
            "double; send and receive the same type, or let the queue convert it: "
            "codec=\"portable\"");
  EXPECT_EQ(refusal([&] { (unpack<std::map<Version, std::optional<Tree>>>(bytes, true, block)); }),
            "asked for map of Version to optional {value: int32, children: list of the structure "
            "itself, named: map of string to the structure itself}, but the sender sent 26 bytes "
            "of map of string to double; send and receive the same type");
}

TEST(Mismatch, OfMembersNamesIsOne) {
  EXPECT_NE(refusal([] { reread<OtherRow>(pack(Row{1, "a", {}}), true); }), "accepted");
}

TEST(Mismatch, IsNoticedByTheTagToo) {
  const auto bytes = pack(std::pair(1, 2));
  Block block;
  block.type = composite_tag<std::pair<int, double>>();
  EXPECT_EQ(refusal([&] { (unpack<std::pair<int, int>>(bytes, false, block)); }),
            "the message from the sender is no (int32, int32): its signature is not the one that "
            "was announced");
}

TEST(Conversion, OfNumbersInCompositesKeepsValues) {
  const Row row{-5, "five", {1.5, 2}};
  const auto wide = reread<WideRow>(pack(row), true);
  EXPECT_EQ(wide.id, -5);
  EXPECT_EQ(wide.name, "five");
  EXPECT_EQ(wide.values, (std::vector<float>{1.5, 2}));
  EXPECT_EQ(reread<Row>(pack(wide), true), row);

  using Narrow = std::map<short, std::tuple<std::vector<int>, std::optional<float>, Version>>;
  using Wide = std::map<long, std::tuple<std::vector<long>, std::optional<double>, Version>>;
  const Narrow narrow{{1, {{1, 2}, 2.5f, {1}}}, {2, {{}, {}, {2}}}};
  EXPECT_EQ(reread<Narrow>(pack(reread<Wide>(pack(narrow), true)), true), narrow);
  EXPECT_TRUE(reread<Wide>(pack(Narrow()), true).empty());
  EXPECT_EQ((reread<std::vector<std::complex<float>>>(
                pack(std::vector<std::complex<double>>{{1, 2}}), true)),
            (std::vector<std::complex<float>>{{1, 2}}));
  using Signed = std::pair<std::array<int, 2>, std::vector<std::array<long, 0>>>;
  using Unsigned = std::pair<std::array<unsigned short, 2>, std::vector<std::array<unsigned, 0>>>;
  EXPECT_EQ(reread<Unsigned>(pack(Signed{{1, 65535}, {{}, {}}}), true),
            (Unsigned{{1, 65535}, {{}, {}}}));
}

TEST(Conversion, FollowsStructuresInsideThemselves) {
  const Tree tree{1, {{2, {}, {}}, {3, {{4, {}, {}}}, {}}}, {{"five", {5, {}, {}}}}};
  EXPECT_EQ(reread<Tree>(pack(reread<WideTree>(pack(tree), true)), true), tree);

  Branch branch;
  branch.weight = short{3};
  branch.leaves.resize(2);
  branch.leaves[0].branches.resize(2);
  branch.leaves[0].branches[1].weight = short{4};
  branch.leaves[0].branches[1].leaves.resize(1);
  branch.branches.resize(1);
  branch.branches[0].weight = short{5};
  branch.leaves[1].mark[2] = 'x';
  const auto wide = reread<WideBranch>(pack(branch), true);
  EXPECT_EQ(wide.weight, 3);
  EXPECT_EQ(wide.leaves.at(0).branches.at(1).weight, 4);
  EXPECT_EQ(wide.branches.at(0).weight, 5);
  EXPECT_EQ(wide.leaves[1].mark[2], 'x');
  EXPECT_EQ(pack(reread<Branch>(pack(wide), true)), pack(branch));
}

TEST(Conversion, NamesTheValueThatDoesNotFit) {
  EXPECT_EQ(refusal([] {
              (reread<std::pair<int, std::vector<short>>>(
                  pack(std::pair(1, std::vector<int>{1, 70'000})), true));
            }),
            "the message from the sender is no (int32, list of int16): the value 70000 (element 1) "
            "does not fit int16");
}

// Bytes that nobody sent.

TEST(Malformed, LengthsAreNotBelieved) {
  using Nested = std::vector<std::vector<std::string>>;
  const auto head = pack(Nested()).substr(0, pack(Nested()).size() - 4);
  EXPECT_EQ(refusal([&] { reread<Nested>(head + "\xff\xff\xff\xff"s); }),
            "the message from the sender is no list of list of string: it announces more elements "
            "than it has bytes");
  using Numbers = std::pair<std::vector<double>, int>;
  const auto numbers = "\x0b\0p(v(f8),i4)"s;
  EXPECT_NE(refusal([&] { reread<Numbers>(numbers + "\x02\0\0\0"s + std::string(12, '\0')); }),
            "accepted");
}

TEST(Malformed, ValuesThatAreNoneAreRefused) {
  auto bytes = pack(std::pair(true, std::optional<int>(1)));
  bytes[bytes.size() - 6] = 2;
  EXPECT_EQ(refusal([&] { (reread<std::pair<bool, std::optional<int>>>(bytes)); }),
            "the message from the sender is no (bool, optional int32): a boolean is neither true "
            "nor false");
  bytes = pack(std::pair(true, std::optional<int>(1)));
  bytes[bytes.size() - 5] = 2;
  EXPECT_NE(refusal([&] {
              (reread<std::pair<bool, std::optional<int>>>(bytes));
            }).find("a flag is neither 0 nor 1"),
            std::string::npos);
  bytes = pack(std::multimap<int, int>{{1, 2}, {1, 3}});
  EXPECT_NE(refusal([&] { (reread<std::map<int, int>>(bytes)); }).find("a key comes twice"),
            std::string::npos);
}

/// A tree that is one branch only.
Tree deep(std::uint32_t depth) {
  Tree tree;
  for (; depth > 1; --depth) {
    Tree outer;
    outer.children.push_back(std::move(tree));
    tree = std::move(outer);
  }
  return tree;
}

TEST(Malformed, DepthIsLimitedAtBothEnds) {
  expect_round_trip(deep(3));
  const auto deepest = pack(deep(kMaxDepth));
  EXPECT_EQ(reread<Tree>(deepest), deep(kMaxDepth));
  EXPECT_THROW(pack(deep(kMaxDepth + 1)), error);
  // One more level by hand: a value, one child; and behind, no named ones.
  const auto head = signature_of<Tree>().size() + 2;
  auto deeper = deepest;
  deeper.insert(head, "\0\0\0\0\x01\0\0\0"s);
  deeper += "\0\0\0\0"s;
  EXPECT_NE(refusal([&] { reread<Tree>(deeper); }).find("too deep"), std::string::npos);
}

TEST(Malformed, AnySignatureIsToldInBoundedWords) {
  std::mt19937 engine(queue::test_seed());
  const std::string letters = "iufzybcsxoavmep()<>{}.,;^0123456789 ";
  for (int round = 0; round < 5000; ++round) {
    std::string signature;
    for (auto left = engine() % 200; left > 0; --left)
      signature += letters[engine() % letters.size()];
    if (round % 5 == 0) signature = std::string(60'000, "v(pa{"[engine() % 5]);
    std::string bytes;
    bytes += static_cast<char>(signature.size() & 0xff);
    bytes += static_cast<char>(signature.size() >> 8);
    bytes += signature;
    Block block;
    block.data = bytes.data();
    block.size = bytes.size();
    block.type = make_tag(Kind::kComposite, hash24(signature));
    const auto told = refusal([&] { unpack<Branch>(bytes, true, block); });
    EXPECT_NE(told, "accepted") << signature;
    EXPECT_LT(told.size(), 1000u) << signature;
  }
}

// Random values of a type that has everything, also with damaged bytes.

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
