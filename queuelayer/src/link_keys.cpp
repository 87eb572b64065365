// SPDX-License-Identifier: Apache-2.0
#include "link_keys.hpp"

#include <openssl/evp.h>
#include <zmq.h>

namespace mvm::queue {
namespace {

constexpr std::size_t kZ85Length = 40;

std::unexpected<Error> no_keys() {
  return fail(ErrorCode::kSystem, "the keys of the group's links could not be made");
}

/// Any 32 bytes are the secret half of a pair.
Result<void> derive_pair(std::string_view secret, std::string_view purpose,
                         std::string& public_half, std::string& secret_half) {
  const auto key = derive_link_key(secret, purpose);
  if (!key) return fail(key.error());
  char words[kZ85Length + 1];
  if (::zmq_z85_encode(words, key->data(), key->size()) == nullptr) return no_keys();
  secret_half = words;
  if (::zmq_curve_public(words, secret_half.c_str()) != 0) return no_keys();
  public_half = words;
  return {};
}

}  // namespace

Result<LinkKey> derive_link_key(std::string_view secret, std::string_view purpose) {
  LinkKey key;
  std::size_t length = 0;
  const auto* words = reinterpret_cast<const unsigned char*>(purpose.data());
  const bool made =
      EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, secret.data(), secret.size(), words,
                purpose.size(), key.data(), key.size(), &length) != nullptr;
  if (!made || length != key.size()) return no_keys();
  return key;
}

Result<CurveKeys> derive_curve_keys(std::string_view secret) {
  CurveKeys keys;
  auto made = derive_pair(secret, "mvm zmq server 1", keys.server_public, keys.server_secret);
  if (made) {
    made = derive_pair(secret, "mvm zmq client 1", keys.client_public, keys.client_secret);
  }
  if (!made) return fail(made.error());
  return keys;
}

}  // namespace mvm::queue
