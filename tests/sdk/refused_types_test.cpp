// SPDX-License-Identifier: Apache-2.0
// What is received as another type than was sent: told, converted, or refused.
#include <array>
#include <complex>
#include <random>
#include <tuple>

#include "../queuelayer/test_seed.hpp"
#include "sample_types.hpp"

namespace mvm::test {
namespace {

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

}  // namespace
}  // namespace mvm::test
