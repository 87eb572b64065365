// SPDX-License-Identifier: GPL-3.0-or-later
#include "link_keys.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace mvm::run {
namespace {

using Key = std::array<std::uint8_t, 32>;

struct Pair {
  Key public_key;
  Key secret_key;
};

Result<Pair> make_pair() {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"), EVP_PKEY_free);
  Pair pair{};
  std::size_t length = pair.public_key.size();
  if (!key || EVP_PKEY_get_raw_public_key(key.get(), pair.public_key.data(), &length) != 1 ||
      EVP_PKEY_get_raw_private_key(key.get(), pair.secret_key.data(), &length) != 1) {
    return fail(ErrorCode::kSystem, "OpenSSL could not make the keys of the group's links");
  }
  return pair;
}

/// ZeroMQ RFC 32: four bytes, most significant first, as five digits of base 85.
std::string z85(std::span<const std::uint8_t> bytes) {
  static constexpr char kDigits[] =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
  std::string words;
  for (std::size_t i = 0; i + 3 < bytes.size(); i += 4) {
    std::uint32_t value = 0;
    for (std::size_t j = 0; j < 4; ++j) value = value << 8 | bytes[i + j];
    for (std::uint32_t divisor = 85 * 85 * 85 * 85; divisor > 0; divisor /= 85) {
      words.push_back(kDigits[value / divisor % 85]);
    }
  }
  return words;
}

}  // namespace

Result<queue::LinkKeys> make_link_keys() {
  auto server = make_pair();
  if (!server) return fail(server.error());
  auto client = make_pair();
  if (!client) return fail(client.error());
  return queue::LinkKeys{.server_public = z85(server->public_key),
                         .server_secret = z85(server->secret_key),
                         .client_public = z85(client->public_key),
                         .client_secret = z85(client->secret_key)};
}

Result<std::string> make_group_secret() {
  Key secret;
  if (RAND_bytes(secret.data(), static_cast<int>(secret.size())) != 1) {
    return fail(ErrorCode::kSystem, "OpenSSL could not make the group's secret");
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string words;
  for (const auto byte : secret) {
    words.push_back(kDigits[byte >> 4]);
    words.push_back(kDigits[byte & 0xf]);
  }
  return words;
}

}  // namespace mvm::run
