// SPDX-License-Identifier: Apache-2.0
#include "tls_stream.hpp"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "link_keys.hpp"

namespace mvm::queue {
namespace {

/// Several records of the largest kind.
constexpr std::size_t kReadAtOnce = 128 << 10;
constexpr std::size_t kReadFromStranger = 1 << 10;

constexpr std::string_view kIdentity = "mvm group";
constexpr std::string_view kPurpose = "mvm direct link 1";
/// TLS_AES_128_GCM_SHA256: its hash is the one that the key below is for.
constexpr unsigned char kCipher[] = {0x13, 0x01};

/// The pre-shared key in the form that OpenSSL wants: a session that never took place.
SSL_SESSION* make_session(SSL* ssl, const LinkKey& key) {
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

const LinkKey& key_of(SSL* ssl) {
  return *static_cast<const LinkKey*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
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
  LinkKey key{};
  SSL_CTX* context = nullptr;
  ~State() { SSL_CTX_free(context); }
};

TlsKey::TlsKey(std::unique_ptr<State> state, Use use) : state_(std::move(state)), use_(use) {}
TlsKey::~TlsKey() = default;

Result<std::unique_ptr<TlsKey>> TlsKey::make(std::string_view secret, Use use) {
  const auto key = derive_link_key(secret, kPurpose);
  if (!key) return fail(key.error());
  auto state = std::make_unique<State>();
  state->key = *key;
  state->context = SSL_CTX_new(TLS_method());
  SSL_CTX* context = state->context;
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
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
  return std::unique_ptr<TlsKey>(new TlsKey(std::move(state), use));
}

struct TlsStream::State {
  explicit State(int fd) : socket(fd) {}
  ~State() { SSL_free(ssl); }

  const int socket;
  std::string out;  ///< encrypted
  std::size_t out_begin = 0;
  std::vector<char> in = std::vector<char>(kReadFromStranger);  ///< encrypted
  std::size_t in_begin = 0;
  std::size_t in_end = 0;
  SSL* ssl = nullptr;

  [[nodiscard]] Moved flush() {
    while (out_begin < out.size()) {
      const auto put = ::send(socket, out.data() + out_begin, out.size() - out_begin, MSG_NOSIGNAL);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return errno == EAGAIN ? Moved::kTryLater : Moved::kClosed;
      out_begin += static_cast<std::size_t>(put);
    }
    out.clear();
    out_begin = 0;
    return Moved::kSome;
  }

  /// What OpenSSL reads: it asks for a record's head, then for its body.
  int take(BIO* bio, char* to, std::size_t most) {
    BIO_clear_retry_flags(bio);
    if (in_begin == in_end) {
      (void)flush();  // the other end may wait for it; an error shows again
      const auto got = ::recv(socket, in.data(), in.size(), 0);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
      if (got <= 0) return got == 0 ? 0 : -1;
      in_begin = 0;
      in_end = static_cast<std::size_t>(got);
    }
    const auto count = std::min(most, in_end - in_begin);
    std::memcpy(to, in.data() + in_begin, count);
    in_begin += count;
    return static_cast<int>(count);
  }

  [[nodiscard]] Moved outcome(int result) const {
    if (result > 0) return Moved::kSome;
    const int error = SSL_get_error(ssl, result);
    ERR_clear_error();
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? Moved::kTryLater
                                                                         : Moved::kClosed;
  }
};

namespace {

/// What lies between OpenSSL and the socket.
BIO_METHOD* make_buffers() {
  using State = TlsStream::State;
  const auto state_of = [](BIO* bio) { return static_cast<State*>(BIO_get_data(bio)); };
  static const auto find = state_of;
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "mvm buffers");
  if (method == nullptr) return nullptr;
  BIO_meth_set_create(method, [](BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  });
  BIO_meth_set_read(method, [](BIO* bio, char* to, int most) {
    return find(bio)->take(bio, to, static_cast<std::size_t>(most));
  });
  BIO_meth_set_write(method, [](BIO* bio, const char* bytes, int count) {
    find(bio)->out.append(bytes, static_cast<std::size_t>(count));
    return count;
  });
  BIO_meth_set_ctrl(
      method, [](BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1L : 0L; });
  return method;
}

}  // namespace

TlsStream::TlsStream(const TlsKey& key, int fd, Side side) : state_(std::make_unique<State>(fd)) {
  static BIO_METHOD* const kBuffers = make_buffers();
  SSL* ssl = SSL_new(key.state_->context);
  BIO* bio = kBuffers != nullptr ? BIO_new(kBuffers) : nullptr;
  if (ssl == nullptr || bio == nullptr) {
    SSL_free(ssl);
    BIO_free(bio);
    return;
  }
  BIO_set_data(bio, state_.get());
  SSL_set_bio(ssl, bio, bio);
  state_->ssl = ssl;
  side == Side::kConnects ? SSL_set_connect_state(state_->ssl) : SSL_set_accept_state(state_->ssl);
}
TlsStream::~TlsStream() = default;

Moved TlsStream::shake_hands() {
  if (state_->ssl == nullptr) return Moved::kClosed;
  ERR_clear_error();
  const auto moved = state_->outcome(SSL_do_handshake(state_->ssl));
  if (state_->flush() == Moved::kClosed) return Moved::kClosed;
  // "Reused" is how OpenSSL says that the key was used.
  if (moved == Moved::kSome && SSL_session_reused(state_->ssl) != 1) return Moved::kClosed;
  if (moved == Moved::kSome) state_->in.resize(kReadAtOnce);
  return moved;
}

Moved TlsStream::read(std::span<char> into, std::size_t& count) {
  ERR_clear_error();
  return state_->outcome(SSL_read_ex(state_->ssl, into.data(), into.size(), &count));
}

bool TlsStream::write(std::string_view bytes) {
  ERR_clear_error();
  std::size_t count = 0;
  return bytes.empty() || (state_->outcome(SSL_write_ex(state_->ssl, bytes.data(), bytes.size(),
                                                        &count)) == Moved::kSome &&
                           count == bytes.size());
}

Moved TlsStream::flush() {
  return state_->flush();
}

std::string_view TlsStream::unread() const {
  return {state_->in.data() + state_->in_begin, state_->in_end - state_->in_begin};
}

std::size_t TlsStream::left() const {
  return state_->out.size() - state_->out_begin;
}

}  // namespace mvm::queue
