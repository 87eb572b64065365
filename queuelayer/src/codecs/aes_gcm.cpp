// SPDX-License-Identifier: Apache-2.0
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string_view>

#include "builtin_codecs.hpp"
#include "shared_library.hpp"
#include "stored_form.hpp"

/// AES-256 in Galois/counter mode (NIST SP 800-38D), with a key for each channel, which is derived
/// from the group's secret by HKDF with SHA-256 (RFC 5869).
namespace mvm::queue {
namespace {

constexpr std::size_t kKey = 32;
constexpr std::size_t kNonce = 12;
constexpr std::size_t kTag = 16;
constexpr std::size_t kAround = kNonce + kTag;
/// Parts the use of the group's secret for this purpose from every other use.
constexpr std::string_view kPurpose = "mvm aes-gcm 1";

struct CryptoFunctions {
  SharedLibrary library;
  decltype(&RAND_bytes) random = library.find("RAND_bytes");
  decltype(&OPENSSL_cleanse) cleanse = library.find("OPENSSL_cleanse");
  decltype(&EVP_KDF_fetch) fetch_kdf = library.find("EVP_KDF_fetch");
  decltype(&EVP_KDF_free) free_kdf = library.find("EVP_KDF_free");
  decltype(&EVP_KDF_CTX_new) make_derivation = library.find("EVP_KDF_CTX_new");
  decltype(&EVP_KDF_CTX_free) free_derivation = library.find("EVP_KDF_CTX_free");
  decltype(&EVP_KDF_derive) derive = library.find("EVP_KDF_derive");
  decltype(&OSSL_PARAM_construct_utf8_string) text_parameter =
      library.find("OSSL_PARAM_construct_utf8_string");
  decltype(&OSSL_PARAM_construct_octet_string) bytes_parameter =
      library.find("OSSL_PARAM_construct_octet_string");
  decltype(&OSSL_PARAM_construct_end) end_parameter = library.find("OSSL_PARAM_construct_end");
  decltype(&EVP_aes_256_gcm) aes_256_gcm = library.find("EVP_aes_256_gcm");
  decltype(&EVP_CIPHER_CTX_new) make_cipher = library.find("EVP_CIPHER_CTX_new");
  decltype(&EVP_CIPHER_CTX_free) free_cipher = library.find("EVP_CIPHER_CTX_free");
  decltype(&EVP_CIPHER_CTX_ctrl) control = library.find("EVP_CIPHER_CTX_ctrl");
  decltype(&EVP_CipherInit_ex) init = library.find("EVP_CipherInit_ex");
  decltype(&EVP_CipherUpdate) update = library.find("EVP_CipherUpdate");
  decltype(&EVP_CipherFinal_ex) finish = library.find("EVP_CipherFinal_ex");
};

/// A channel's key, wiped when it is not needed any more.
class ChannelKey {
 public:
  explicit ChannelKey(const CryptoFunctions& functions) : functions_(functions) {}
  ~ChannelKey() { functions_.cleanse(bytes_.data(), bytes_.size()); }
  ChannelKey(const ChannelKey&) = delete;
  ChannelKey& operator=(const ChannelKey&) = delete;

  /// False when OpenSSL cannot, for want of memory or of its default provider.
  bool derive(GroupSecret secret, std::uint64_t channel) {
    std::array<char, kPurpose.size() + sizeof channel> info;
    std::ranges::copy(kPurpose, info.begin());
    for (std::size_t i = 0; i < sizeof channel; ++i) {
      info[kPurpose.size() + i] = static_cast<char>(channel >> (8 * i));
    }
    // OpenSSL reads these, though its interface does not promise it.
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        functions_.text_parameter(OSSL_KDF_PARAM_DIGEST, digest, 0),
        functions_.bytes_parameter(OSSL_KDF_PARAM_KEY, const_cast<unsigned char*>(secret.data()),
                                   secret.size()),
        functions_.bytes_parameter(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
        functions_.end_parameter()};
    const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(
        functions_.fetch_kdf(nullptr, "HKDF", nullptr), functions_.free_kdf);
    const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> derivation(
        functions_.make_derivation(kdf.get()), functions_.free_derivation);
    return derivation &&
           functions_.derive(derivation.get(), bytes_.data(), bytes_.size(), parameters) == 1;
  }

  [[nodiscard]] const unsigned char* data() const { return bytes_.data(); }

 private:
  const CryptoFunctions& functions_;
  std::array<unsigned char, kKey> bytes_{};
};

using Nonce = std::array<unsigned char, kNonce>;

/// A message is: nonce, ciphertext, tag.
class AesGcmCodec : public Codec {
 public:
  explicit AesGcmCodec(const CryptoFunctions& functions)
      : functions_(functions),
        encryption_(functions.make_cipher(), functions.free_cipher),
        decryption_(functions.make_cipher(), functions.free_cipher) {}

  bool start(GroupSecret secret, std::uint64_t channel) {
    ChannelKey key(functions_);
    return key.derive(secret, channel) && encryption_ && decryption_ &&
           set_key(encryption_.get(), key, 1) && set_key(decryption_.get(), key, 0) &&
           functions_.random(nonce_.data(), static_cast<int>(nonce_.size())) == 1;
  }

  std::string_view name() const override { return to_string(CodecKind::kAesGcm); }
  std::size_t longest(std::size_t plain) const override { return plain + kAround; }

  Result<ConstBytes> encode(ConstBytes plain, CodecBuffer& space) override {
    if (plain.size() > kMaxMessage.count) return over_limit(plain.size(), kMaxMessage.count);
    const auto memory = space.prepare(plain.size() + kAround);
    if (!memory) return fail(memory.error());
    auto* const to = reinterpret_cast<unsigned char*>(*memory);
    next_nonce();
    std::ranges::copy(nonce_, to);
    auto* const cipher = encryption_.get();
    auto* const tag = to + kNonce + plain.size();
    if (!run(cipher, nonce_.data(), plain, to + kNonce, 1) ||
        functions_.finish(cipher, tag, &ignored_) != 1 ||
        functions_.control(cipher, EVP_CTRL_AEAD_GET_TAG, kTag, tag) != 1) {
      return fail(ErrorCode::kCodec, "OpenSSL could not encrypt ", plain.size(), " bytes");
    }
    return space.first(plain.size() + kAround);
  }

  Result<ConstBytes> decode(ConstBytes encoded, std::size_t limit, CodecBuffer& space) override {
    if (encoded.size() < kAround) {
      return fail(ErrorCode::kCodec, "the message is damaged: ", encoded.size(),
                  " bytes are shorter than a nonce and a tag");
    }
    const auto size = encoded.size() - kAround;
    if (size > std::min<std::size_t>(limit, kMaxMessage.count)) return over_limit(size, limit);
    const auto memory = space.prepare(size);
    if (!memory) return fail(memory.error());
    auto* const to = reinterpret_cast<unsigned char*>(*memory);
    const auto* const from = reinterpret_cast<const unsigned char*>(encoded.data());
    std::array<unsigned char, kTag> tag;
    std::memcpy(tag.data(), from + kNonce + size, kTag);
    auto* const cipher = decryption_.get();
    if (!run(cipher, from, encoded.subspan(kNonce, size), to, 0) ||
        functions_.control(cipher, EVP_CTRL_AEAD_SET_TAG, kTag, tag.data()) != 1 ||
        functions_.finish(cipher, to, &ignored_) != 1) {
      // Whoever forged it must not learn what it would have been.
      functions_.cleanse(to, size);
      return fail(ErrorCode::kCodec,
                  "the message is forged or damaged: it was not encrypted with this channel's key");
    }
    return space.first(size);
  }

 private:
  using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

  bool set_key(EVP_CIPHER_CTX* cipher, const ChannelKey& key, int encrypts) const {
    return functions_.init(cipher, functions_.aes_256_gcm(), nullptr, key.data(), nullptr,
                           encrypts) == 1;
  }

  bool run(EVP_CIPHER_CTX* cipher, const unsigned char* nonce, ConstBytes from, unsigned char* to,
           int encrypts) {
    if (functions_.init(cipher, nullptr, nullptr, nullptr, nonce, encrypts) != 1) return false;
    if (from.empty()) return true;
    return functions_.update(cipher, to, &ignored_,
                             reinterpret_cast<const unsigned char*>(from.data()),
                             static_cast<int>(from.size())) == 1;
  }

  /// The last eight bytes count; where they begin is random, like the other four. So a channel's
  /// sender never uses a nonce twice, nor does one that is started again after a failure.
  void next_nonce() {
    for (std::size_t i = kNonce; i-- > kNonce - sizeof(std::uint64_t);) {
      if (++nonce_[i] != 0) break;
    }
  }

  const CryptoFunctions& functions_;
  Cipher encryption_;
  Cipher decryption_;
  Nonce nonce_{};
  int ignored_ = 0;
};

}  // namespace

Result<std::unique_ptr<Codec>> make_aes_gcm(GroupSecret secret, std::uint64_t channel) {
  static const auto functions = load_functions<CryptoFunctions>(kAesGcmLibrary);
  if (!functions) return fail(ErrorCode::kCodec, "codec 'aes-gcm': ", functions.error().message);
  if (std::ranges::all_of(secret, [](unsigned char byte) { return byte == 0; })) {
    return fail(ErrorCode::kCodec,
                "codec 'aes-gcm': the group has no secret, so its wiring plan is not complete");
  }
  auto codec = std::make_unique<AesGcmCodec>(*functions);
  if (!codec->start(secret, channel)) {
    return fail(ErrorCode::kCodec, "codec 'aes-gcm': OpenSSL cannot make a key; see that its ",
                "default provider is active in openssl.cnf");
  }
  return codec;
}

}  // namespace mvm::queue
