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

using Crc32 = decltype(&crc32_iscsi);

Result<Crc32> load() {
  auto library = SharedLibrary::load(kCrc32cLibrary);
  if (!library) return fail(library.error());
  Crc32 crc32 = nullptr;
  if (const auto complete = library->find("crc32_iscsi", crc32).complete(); !complete) {
    return fail(complete.error());
  }
  return crc32;
}

class Crc32cCodec : public Codec {
 public:
  explicit Crc32cCodec(Crc32 crc32) : crc32_(crc32) {}

  std::string_view name() const override { return to_string(CodecKind::kCrc32c); }
  std::size_t longest(std::size_t plain) const override { return plain + kTrailer; }

  Result<ConstBytes> encode(ConstBytes plain, CodecBuffer& space) override {
    if (plain.size() > kMaxMessage.count) return over_limit(plain.size(), kMaxMessage.count);
    const auto memory = space.prepare(plain.size() + kTrailer);
    if (!memory) return fail(memory.error());
    if (!plain.empty()) std::memcpy(*memory, plain.data(), plain.size());
    put_u32(*memory + plain.size(), checksum(plain));
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
    if (checksum(plain) != get_u32(plain.data() + plain.size())) {
      return fail(ErrorCode::kCodec, "the message is damaged: its ", plain.size(),
                  " bytes do not have the checksum that came with them");
    }
    return plain;
  }

 private:
  [[nodiscard]] std::uint32_t checksum(ConstBytes bytes) const {
    // The library wants a pointer to what it does not change, and leaves both inversions to us.
    auto* data = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(bytes.data()));
    const std::uint32_t crc = ~crc32_(data, static_cast<int>(bytes.size()), ~0u);
    // Masked as LevelDB does it: the checksum of bytes that end in their own checksum is always the
    // same, and that of no bytes is zero, which cleared memory would have too.
    return std::rotr(crc, 15) + 0xa282ead8;
  }

  const Crc32 crc32_;
};

}  // namespace

Result<std::unique_ptr<Codec>> make_crc32c() {
  static const Result<Crc32> crc32 = load();
  if (!crc32) return fail(ErrorCode::kCodec, "codec 'crc32c': ", crc32.error().message);
  return std::make_unique<Crc32cCodec>(*crc32);
}

}  // namespace mvm::queue
