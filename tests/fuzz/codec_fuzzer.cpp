// SPDX-License-Identifier: Apache-2.0
// Whatever bytes come, a decoder gives at most as many as it may, or refuses; what an encoder made
// is always decoded to the same, and what carries a tag is never decoded after a change.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <mvm/queuelayer/codec_chain.hpp>

#include "edited_form.hpp"

namespace {

using namespace mvm::queue;

constexpr std::size_t kLimit = 1 << 20;

std::unique_ptr<CodecChain> make(const std::vector<CodecStage>& stages) {
  static constexpr unsigned char kSecret[32] = {1, 2, 3};
  auto chain = CodecChain::make(stages, kSecret, 42, {});
  if (!chain) std::abort();
  return std::move(*chain);
}

/// The last one has a tag.
const std::vector<std::unique_ptr<CodecChain>>& chains() {
  using enum CodecKind;
  static const auto made = [] {
    std::vector<std::unique_ptr<CodecChain>> all;
    all.push_back(make({{kLz4}}));
    all.push_back(make({{kZstd}}));
    all.push_back(make({{kCrc32c}}));
    all.push_back(make({{kLz4}, {kZstd}, {kLz4}}));
    all.push_back(make({{kZstd}, {kCrc32c}}));
    all.push_back(make({{kAesGcm}}));
    return all;
  }();
  return made;
}

ConstBytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  auto& chain = *chains()[data[0] % chains().size()];
  const bool has_tag = &chain == chains().back().get();
  const bool raw = data[1] % 2 == 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);

  const auto encoded = chain.encode(bytes_of(rest));
  if (!encoded) std::abort();
  const std::string valid(reinterpret_cast<const char*>(encoded->data()), encoded->size());
  CodecBuffer space;
  const auto same = chain.decode(bytes_of(valid), space, kLimit);
  if (!same || !std::ranges::equal(same->bytes, bytes_of(rest))) std::abort();

  // Bytes as they come, or the form of some repetitive message with changes.
  static const std::string repetitive = [] {
    std::string text;
    for (int i = 0; i < 500; ++i) text += "message " + std::to_string(i % 7);
    return text;
  }();
  std::string hostile(rest);
  bool changed = true;
  if (!raw) {
    const auto sound = chain.encode(bytes_of(repetitive));
    if (!sound) std::abort();
    const std::string form(reinterpret_cast<const char*>(sound->data()), sound->size());
    hostile = mvm::fuzz::edited(form, rest);
    changed = hostile != form;
  }
  const auto plain = chain.decode(bytes_of(hostile), space, kLimit);
  if (plain && (plain->bytes.size() > kLimit || (has_tag && changed))) std::abort();
  return 0;
}
