// SPDX-License-Identifier: Apache-2.0
// What can be sent, as bytes: no group is needed for that.
#include <array>
#include <complex>
#include <deque>
#include <limits>
#include <list>
#include <set>
#include <span>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "sample_types.hpp"

namespace mvm::test {
namespace {

/// With arrays of every sort, and a template.
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

/// An event that says nothing but that it is there.
struct Stop {
  bool operator==(const Stop&) const { return true; }
  MVM_FIELDS();
};

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
  expect_round_trip(Stop());
  expect_round_trip(std::pair(std::vector<Stop>(3), std::map<int, Stop>{{1, {}}}));
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

}  // namespace
}  // namespace mvm::test
