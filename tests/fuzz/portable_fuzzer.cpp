// SPDX-License-Identifier: Apache-2.0
// Any bytes as a portable message, of elements and of a composite type: a value or an error; and
// what was read is written and read again as the same bytes. Half of the inputs are edits of a
// valid message, so that its signature holds.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <mvm/job.hpp>
#include <mvm/queuelayer/portable.hpp>
#include <optional>
#include <set>
#include <span>
#include <tuple>

#include "edited_form.hpp"

struct Tree {
  int value = 0;
  std::vector<Tree> children;
  std::map<std::string, Tree> named;
  MVM_FIELDS(value, children, named);
};
struct WideTree {
  long value = 0;
  std::vector<WideTree> children;
  std::map<std::string, WideTree> named;
  MVM_FIELDS(value, children, named);
};

namespace {

using namespace mvm::detail;

using Fuzzed = std::tuple<std::map<std::string, std::vector<std::optional<double>>>, Tree,
                          std::vector<std::vector<bool>>, std::array<std::set<short>, 2>>;
using Wide = std::tuple<std::map<std::string, std::vector<std::optional<float>>>, WideTree,
                        std::vector<std::vector<bool>>, std::array<std::set<long>, 2>>;

Fuzzed sample() {
  Tree tree{1, {{2, {}, {}}, {3, {{4, {}, {}}}, {}}}, {{"five", {5, {}, {}}}}};
  return {{{"a", {1.5, {}, 2}}, {"b", {}}}, tree, {{true, false}, {}}, {{{1, 2}, {}}}};
}

template <typename T>
std::optional<T> read_any(const std::string& bytes) {
  Block block;
  block.data = const_cast<char*>(bytes.data());
  block.size = bytes.size();
  block.portable = true;
  try {
    return unpack<T>(bytes, true, block);
  } catch (const mvm::error&) {
    return {};
  }
}

void check_elements(const std::string& bytes) {
  std::vector<std::byte> swapped;
  const auto native = mvm::queue::from_portable(std::as_bytes(std::span(bytes)), swapped);
  if (!native) return;
  std::vector<std::byte> written;
  if (!mvm::queue::to_portable(native->bytes, native->tag, written)) std::abort();
  std::vector<std::byte> unused;
  const auto again = mvm::queue::from_portable(written, unused);
  if (!again || again->tag != native->tag || !std::ranges::equal(again->bytes, native->bytes)) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const bool raw = rest.front() % 2 == 0;
  rest.remove_prefix(1);
  static const std::string valid = pack(sample());
  const auto bytes = raw ? std::string(rest) : mvm::fuzz::edited(valid, rest);
  if (const auto value = read_any<Fuzzed>(bytes)) {
    const auto written = pack(*value);
    const auto again = read_any<Fuzzed>(written);
    if (!again || pack(*again) != written) std::abort();
  }
  read_any<Wide>(bytes);
  check_elements(bytes);
  return 0;
}
