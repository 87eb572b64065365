// SPDX-License-Identifier: Apache-2.0
#include "link_parcel.hpp"

#include "little_endian.hpp"

namespace mvm::queue {
namespace {

constexpr std::size_t kChecksumAt = kParcelHeadBytes - sizeof(std::uint32_t);

/// MurmurHash64A (Austin Appleby, public domain): eight bytes at a time, because it runs over every
/// small message. It finds accidents and mix-ups; who may speak at all is the carrier's concern.
std::uint64_t murmur(std::string_view bytes, std::uint64_t seed) {
  constexpr std::uint64_t kMultiplier = 0xc6a4a7935bd1e995;
  const auto scatter = [](std::uint64_t word) {
    word *= kMultiplier;
    word ^= word >> 47;
    return word * kMultiplier;
  };
  std::uint64_t hash = seed ^ (bytes.size() * kMultiplier);
  const char* at = bytes.data();
  for (auto words = bytes.size() / 8; words > 0; --words) {
    hash = (hash ^ scatter(get_little<std::uint64_t>(at))) * kMultiplier;
  }
  if (const auto rest = bytes.size() % 8; rest > 0) {
    std::uint64_t last = 0;
    for (std::size_t i = 0; i < rest; ++i) {
      last |= std::uint64_t{static_cast<unsigned char>(at[i])} << (8 * i);
    }
    hash = (hash ^ last) * kMultiplier;
  }
  hash ^= hash >> 47;
  hash *= kMultiplier;
  return hash ^ hash >> 47;
}

std::uint32_t checksum(std::string_view head, std::uint64_t key) {
  const auto frames = murmur(head.substr(kParcelHeadBytes), key);
  return static_cast<std::uint32_t>(murmur(head.substr(0, kChecksumAt), frames));
}

}  // namespace

std::uint64_t group_key(std::string_view group) {
  return murmur(group, kLinkVersion);
}

void seal_parcel(std::string& head, const ParcelHead& fields, std::uint64_t key) {
  char* at = head.data();
  put_little(at, kLinkVersion);
  put_little(at, fields.flags);
  put_little(at, fields.from);
  put_little(at, fields.to);
  put_little(at, fields.sequence);
  put_little(at, fields.received);
  put_little(at, fields.pass);
  put_little(at, fields.gap_pass);
  put_little(at, fields.sent_ns);
  put_little(at, fields.tail_length);
  put_little(at, checksum(head, key));
}

std::optional<ParcelHead> open_parcel(std::string_view head, std::size_t tail_length,
                                      std::uint64_t key) {
  if (head.size() < kParcelHeadBytes || head.size() > kLargestParcelHead ||
      tail_length > kLargestParcelTail) {
    return {};
  }
  const char* at = head.data();
  if (get_little<std::uint8_t>(at) != kLinkVersion) return {};
  ParcelHead fields;
  fields.flags = get_little<std::uint8_t>(at);
  fields.from = get_little<std::uint32_t>(at);
  fields.to = get_little<std::uint32_t>(at);
  fields.sequence = get_little<std::uint64_t>(at);
  fields.received = get_little<std::uint64_t>(at);
  fields.pass = get_little<std::uint32_t>(at);
  fields.gap_pass = get_little<std::uint32_t>(at);
  fields.sent_ns = get_little<std::int64_t>(at);
  fields.tail_length = get_little<std::uint32_t>(at);
  if (get_little<std::uint32_t>(at) != checksum(head, key)) return {};
  if ((fields.flags & ~kParcelFlags) != 0 || fields.tail_length != tail_length) return {};
  if (fields.sent_ns < 0 || fields.sent_ns > kLatestNs) return {};
  return fields;
}

}  // namespace mvm::queue
