// SPDX-License-Identifier: Apache-2.0
#include "tls_stream.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include <array>
#include <cstring>

namespace mvm::queue {
namespace {

constexpr std::string_view kIdentity = "mvm group";
constexpr std::string_view kPurpose = "mvm direct link 1";
/// TLS_AES_128_GCM_SHA256: its hash is the one that the key below is for.
constexpr unsigned char kCipher[] = {0x13, 0x01};

using Key = std::array<unsigned char, 32>;

/// The group's secret has several uses; each has a key of its own.
bool derive(std::string_view secret, Key& key) {
  std::size_t length = 0;
  return EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, secret.data(), secret.size(),
                   reinterpret_cast<const unsigned char*>(kPurpose.data()), kPurpose.size(),
                   key.data(), key.size(), &length) != nullptr &&
         length == key.size();
}

/// The pre-shared key in the form that OpenSSL wants: a session that never took place.
SSL_SESSION* make_session(SSL* ssl, const Key& key) {
  const SSL_CIPHER* cipher = SSL_CIPHER_find(ssl, kCipher);
  SSL_SESSION* session = SSL_SESSION_new();
  if (cipher != nullptr && session != nullptr &&
      SSL_SESSION_set1_master_key(session, key.data(), key.size()) == 1 &&
      SSL_SESSION_set_cipher(session, cipher) == 1 &&
      SSL_SESSION_set1_id_context(session, reinterpret_cast<const unsigned char*>(kIdentity.data()),
                                  kIdentity.size()) == 1 &&
      SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1) {
    return session;
  }
  SSL_SESSION_free(session);
  return nullptr;
}

const Key& key_of(SSL* ssl) {
  return *static_cast<const Key*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

int offer_key(SSL* ssl, const EVP_MD*, const unsigned char** id, std::size_t* id_length,
              SSL_SESSION** session) {
  *session = make_session(ssl, key_of(ssl));
  *id = reinterpret_cast<const unsigned char*>(kIdentity.data());
  *id_length = kIdentity.size();
  return *session != nullptr ? 1 : 0;
}

int find_key(SSL* ssl, const unsigned char* id, std::size_t id_length, SSL_SESSION** session) {
  const std::string_view identity(reinterpret_cast<const char*>(id), id_length);
  *session = identity == kIdentity ? make_session(ssl, key_of(ssl)) : nullptr;
  return 1;
}

}  // namespace

struct TlsKey::State {
  Key key{};
  SSL_CTX* context = nullptr;
  ~State() { SSL_CTX_free(context); }
};

TlsKey::TlsKey(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsKey::~TlsKey() = default;

Result<std::unique_ptr<TlsKey>> TlsKey::make(std::string_view secret) {
  auto state = std::make_unique<State>();
  state->context = SSL_CTX_new(TLS_method());
  SSL_CTX* context = state->context;
  if (context == nullptr || !derive(secret, state->key) ||
      SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_session_id_context(context,
                                     reinterpret_cast<const unsigned char*>(kIdentity.data()),
                                     kIdentity.size()) != 1 ||
      SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") != 1) {
    return fail(ErrorCode::kSystem, "OpenSSL could not prepare the group's direct links");
  }
  SSL_CTX_set_app_data(context, &state->key);
  SSL_CTX_set_psk_use_session_callback(context, offer_key);
  SSL_CTX_set_psk_find_session_callback(context, find_key);
  // Without the key there would have to be a certificate, and none is trusted.
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return std::unique_ptr<TlsKey>(new TlsKey(std::move(state)));
}

struct TlsStream::State {
  SSL* ssl = nullptr;
  ~State() { SSL_free(ssl); }

  [[nodiscard]] Moved outcome(int result) const {
    if (result > 0) return Moved::kSome;
    const int error = SSL_get_error(ssl, result);
    ERR_clear_error();
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? Moved::kTryLater
                                                                         : Moved::kClosed;
  }
};

TlsStream::TlsStream(const TlsKey& key, int fd, Side side) : state_(std::make_unique<State>()) {
  state_->ssl = SSL_new(key.state_->context);
  if (state_->ssl == nullptr) return;
  SSL_set_fd(state_->ssl, fd);
  side == Side::kConnects ? SSL_set_connect_state(state_->ssl) : SSL_set_accept_state(state_->ssl);
}
TlsStream::~TlsStream() = default;

Moved TlsStream::shake_hands() {
  if (state_->ssl == nullptr) return Moved::kClosed;
  ERR_clear_error();
  const auto moved = state_->outcome(SSL_do_handshake(state_->ssl));
  // "Reused" is how OpenSSL says that the key was used.
  if (moved == Moved::kSome && SSL_session_reused(state_->ssl) != 1) return Moved::kClosed;
  return moved;
}

Moved TlsStream::read(std::span<char> into, std::size_t& count) {
  ERR_clear_error();
  return state_->outcome(SSL_read_ex(state_->ssl, into.data(), into.size(), &count));
}

Moved TlsStream::write(std::string_view bytes, std::size_t& count) {
  ERR_clear_error();
  return state_->outcome(SSL_write_ex(state_->ssl, bytes.data(), bytes.size(), &count));
}

}  // namespace mvm::queue
