// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <mvm/job.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Types of a job, and how they come back from their bytes.

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
/// What a refused call says.
template <typename Call>
std::string refusal(Call&& call) {
  try {
    call();
  } catch (const error& problem) {
    return problem.what();
  }
  return "accepted";
}

}  // namespace mvm::test
