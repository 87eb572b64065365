// SPDX-License-Identifier: GPL-3.0-or-later
#include "digest.hpp"

#include <fcntl.h>
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include <mvm/base/byte_codec.hpp>
#include <mvm/base/unique_fd.hpp>

namespace mvm::build {

namespace {

/// One SHA-256 computation in OpenSSL, by its older interface: the newer one sets the whole library
/// up first, which takes longer than all else that a build from the cache does.
class Sha256 {
 public:
  Sha256() { SHA256_Init(&context_); }  // these functions cannot fail
  void update(const void* data, std::size_t size) { SHA256_Update(&context_, data, size); }
  Digest finish() {
    Digest digest;
    SHA256_Final(digest.bytes.data(), &context_);
    return digest;
  }

 private:
  SHA256_CTX context_;
};

}  // namespace

struct Hasher::Context : Sha256 {};

std::string Digest::hex() const {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string words;
  words.reserve(2 * bytes.size());
  for (const auto byte : bytes) {
    words.push_back(kDigits[byte >> 4]);
    words.push_back(kDigits[byte & 0xf]);
  }
  return words;
}

Hasher::Hasher() : context_(std::make_unique<Context>()) {}
Hasher::~Hasher() = default;

Hasher& Hasher::add(std::string_view piece) {
  ByteWriter length;
  length.put(static_cast<std::uint64_t>(piece.size()));
  context_->update(length.bytes().data(), length.bytes().size());
  context_->update(piece.data(), piece.size());
  return *this;
}

Hasher& Hasher::add(const Digest& digest) {
  context_->update(digest.bytes.data(), digest.bytes.size());
  return *this;
}

Digest Hasher::finish() {
  return context_->finish();
}

Result<Digest> digest_file(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return fail_system("open ", path.string());
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail_system("stat ", path.string());
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorCode::kSystem, path.string(), " is not a regular file");
  }
  Sha256 hash;
  std::array<char, 64 * 1024> buffer;
  for (;;) {
    const auto got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_system("read ", path.string());
    if (got == 0) return hash.finish();
    hash.update(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace mvm::build
