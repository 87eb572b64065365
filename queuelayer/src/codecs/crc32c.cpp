// SPDX-License-Identifier: Apache-2.0
#include <isa-l/crc.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

#include "builtin_codecs.hpp"
#include "little_endian.hpp"
#include "shared_library.hpp"
#include "stored_form.hpp"

namespace mvm::queue {
namespace {

constexpr std::size_t kTrailer = 4;  ///< the checksum, behind the bytes

struct CrcFunctions {
  SharedLibrary library;
  decltype(&crc32_iscsi) crc32 = library.find("crc32_iscsi");
};

class Crc32cCodec : public Codec {
 public:
  explicit Crc32cCodec(const CrcFunctions& functions) : functions_(functions) {}

  std::string_view name() const override { return to_string(CodecKind::kCrc32c); }
  std::size_t longest(std::size_t plain) const override { return plain + kTrailer; }

  Result<ConstBytes> encode(ConstBytes plain, CodecBuffer& space) override {
    if (plain.size() > kMaxMessage.count) return over_limit(plain.size(), kMaxMessage.count);
    const auto memory = space.prepare(plain.size() + kTrailer);
    if (!memory) return fail(memory.error());
    if (!plain.empty()) std::memcpy(*memory, plain.data(), plain.size());
    auto* behind = *memory + plain.size();
    put_little(behind, checksum(plain));
    return space.first(plain.size() + kTrailer);
  }

  Result<ConstBytes> decode(ConstBytes encoded, std::size_t limit, CodecBuffer&) override {
    if (encoded.size() < kTrailer) {
      return fail(ErrorCode::kCodec, "the message is damaged: it is shorter than a checksum");
    }
    const auto plain = encoded.first(encoded.size() - kTrailer);
    if (plain.size() > std::min<std::size_t>(limit, kMaxMessage.count)) {
      return over_limit(plain.size(), limit);
    }
    const auto* behind = plain.data() + plain.size();
    if (checksum(plain) != get_little<std::uint32_t>(behind)) {
      return fail(ErrorCode::kCodec, "the message is damaged: its ", plain.size(),
                  " bytes do not have the checksum that came with them");
    }
    return plain;
  }

 private:
  [[nodiscard]] std::uint32_t checksum(ConstBytes bytes) const {
    // The library wants a pointer to what it does not change, and leaves both inversions to us.
    auto* data = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(bytes.data()));
    const std::uint32_t crc = ~functions_.crc32(data, static_cast<int>(bytes.size()), ~0u);
    // Masked as LevelDB does it: the checksum of bytes that end in their own checksum is always the
    // same, and that of no bytes is zero, which cleared memory would have too.
    return std::rotr(crc, 15) + 0xa282ead8;
  }

  const CrcFunctions& functions_;
};

}  // namespace

Result<std::unique_ptr<Codec>> make_crc32c() {
  static const auto functions = load_functions<CrcFunctions>(kCrc32cLibrary);
  if (!functions) return fail(ErrorCode::kCodec, "codec 'crc32c': ", functions.error().message);
  return std::make_unique<Crc32cCodec>(*functions);
}

}  // namespace mvm::queue
