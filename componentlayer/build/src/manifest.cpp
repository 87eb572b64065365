// SPDX-License-Identifier: GPL-3.0-or-later
#include "manifest.hpp"

#include <unistd.h>

#include <algorithm>
#include <set>

#include <mvm/base/byte_codec.hpp>

namespace mvm::build {
namespace {

constexpr std::string_view kMagic = "mvm manifest 1";
constexpr std::string_view kBelow = "./";

std::filesystem::path common_folder(const std::vector<std::filesystem::path>& sources) {
  auto common = sources.front().parent_path();
  for (const auto& source : sources) {
    const auto folder = source.parent_path();
    const auto split = std::mismatch(common.begin(), common.end(), folder.begin(), folder.end());
    std::filesystem::path shared;
    for (auto part = common.begin(); part != split.first; ++part) shared /= *part;
    common = shared;
  }
  return common;
}

void put(ByteWriter& out, const FileStamp& stamp) {
  out.put(stamp.size);
  out.put(stamp.modified_ns);
  out.put(stamp.changed_ns);
  out.put(stamp.inode);
  out.put(stamp.device);
}

FileStamp get_stamp(ByteReader& in) {
  FileStamp stamp;
  stamp.size = in.get<std::uint64_t>();
  stamp.modified_ns = in.get<std::int64_t>();
  stamp.changed_ns = in.get<std::int64_t>();
  stamp.inode = in.get<std::uint64_t>();
  stamp.device = in.get<std::uint64_t>();
  return stamp;
}

std::string get_string(ByteReader& in) {
  return std::string(in.get_text(kMaxManifestText));
}

}  // namespace

JobFolder::JobFolder(const std::vector<std::filesystem::path>& sources)
    : path_(common_folder(sources)),
      // The compilers split OLD=NEW at a '='; and "/" is a prefix of everything.
      relocatable_(path_.native().find('=') == std::string::npos && path_.native() != "/") {}

std::string JobFolder::portable(const std::filesystem::path& path) const {
  const auto& words = path.native();
  const auto& prefix = path_.native();
  if (!relocatable_ || !words.starts_with(prefix)) return words;
  if (words.size() <= prefix.size() || words[prefix.size()] != '/') return words;
  return text(kBelow, std::string_view(words).substr(prefix.size() + 1));
}

std::string JobFolder::resolve(std::string_view portable) const {
  if (!portable.starts_with(kBelow)) return std::string(portable);
  return text(path_.native(), '/', portable.substr(kBelow.size()));
}

std::string Manifest::encode() const {
  ByteWriter out;
  out.put(kMagic);
  out.put(product);
  out.put(product_size);
  out.put(warnings);
  out.put(static_cast<std::uint32_t>(inputs.size()));
  for (const auto& input : inputs) {
    out.put(input.path);
    put(out, input.stamp);
    out.put(std::string_view(reinterpret_cast<const char*>(input.digest.bytes.data()),
                             input.digest.bytes.size()));
  }
  out.put(static_cast<std::uint32_t>(absent.size()));
  for (const auto& path : absent) out.put(path);
  return out.take();
}

std::optional<Manifest> Manifest::decode(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.get_text(kMaxManifestText) != kMagic) return {};
  Manifest manifest;
  manifest.product = get_string(in);
  manifest.product_size = in.get<std::uint64_t>();
  manifest.warnings = get_string(in);
  const auto inputs = in.get<std::uint32_t>();
  if (!in.ok() || inputs > kMaxManifestInputs) return {};
  for (std::uint32_t i = 0; i < inputs && in.ok(); ++i) {
    auto& input = manifest.inputs.emplace_back();
    input.path = get_string(in);
    input.stamp = get_stamp(in);
    const auto digest = in.get_text(kMaxManifestText);
    if (digest.size() != input.digest.bytes.size()) return {};
    std::copy(digest.begin(), digest.end(), input.digest.bytes.begin());
  }
  const auto absent = in.get<std::uint32_t>();
  if (!in.ok() || absent > kMaxManifestInputs) return {};
  for (std::uint32_t i = 0; i < absent && in.ok(); ++i) manifest.absent.push_back(get_string(in));
  // A product's name is a file beside the manifest, whatever the bytes say.
  const bool plain = !manifest.product.empty() && manifest.product.find('/') == std::string::npos;
  if (!in.ok() || !in.at_end() || !plain) return {};
  return manifest;
}

Digest Manifest::variant() const {
  Hasher hasher;
  for (const auto& input : inputs) hasher.add(input.path).add(input.digest);
  hasher.add("absent");
  for (const auto& path : absent) hasher.add(path);
  return hasher.finish();
}

void Manifest::merge(const Manifest& other) {
  std::set<std::string, std::less<>> seen;
  for (const auto& input : inputs) seen.insert(input.path);
  for (const auto& input : other.inputs) {
    if (seen.insert(input.path).second) inputs.push_back(input);
  }
  absent.insert(absent.end(), other.absent.begin(), other.absent.end());
  std::sort(absent.begin(), absent.end());
  absent.erase(std::unique(absent.begin(), absent.end()), absent.end());
}

Freshness check(Manifest& manifest, const JobFolder& folder, FileDigests& digests) {
  auto freshness = Freshness::kFresh;
  for (auto& input : manifest.inputs) {
    const auto path = folder.resolve(input.path);
    if (stamp_of(path) == input.stamp) continue;
    const auto now = digests.read(path);
    if (!now || now->digest != input.digest) return Freshness::kStale;
    input.stamp = now->stamp;
    freshness = Freshness::kTouched;
  }
  for (const auto& path : manifest.absent) {
    if (::access(folder.resolve(path).c_str(), F_OK) == 0) return Freshness::kStale;
  }
  return freshness;
}

}  // namespace mvm::build
