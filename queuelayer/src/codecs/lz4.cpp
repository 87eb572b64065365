// SPDX-License-Identifier: Apache-2.0
#include <lz4.h>
#include <lz4hc.h>

#include <memory>

#include "builtin_codecs.hpp"
#include "little_endian.hpp"
#include "shared_library.hpp"
#include "stored_form.hpp"

namespace mvm::queue {
namespace {

static_assert(kMaxMessage.count <= LZ4_MAX_INPUT_SIZE);

/// A block cannot become longer than this by byte: a length is continued by bytes of at most 255.
constexpr std::uint64_t kMaxRatio = 255;
/// Behind a block: the plain length and `kCompressed`.
constexpr std::size_t kTrailer = 5;

struct Lz4Functions {
  SharedLibrary library;
  decltype(&LZ4_compress_fast) compress_fast = library.find("LZ4_compress_fast");
  decltype(&LZ4_compress_HC) compress_thoroughly = library.find("LZ4_compress_HC");
  decltype(&LZ4_decompress_safe) decompress = library.find("LZ4_decompress_safe");
};

const char* chars(const std::byte* bytes) {
  return reinterpret_cast<const char*>(bytes);
}
char* chars(std::byte* bytes) {
  return reinterpret_cast<char*>(bytes);
}

class Lz4Codec : public Codec {
 public:
  Lz4Codec(const Lz4Functions& functions, std::int32_t level)
      : functions_(functions), level_(level) {}

  std::string_view name() const override { return to_string(CodecKind::kLz4); }
  std::size_t longest(std::size_t plain) const override { return plain + 1; }

  Result<ConstBytes> encode(ConstBytes plain, CodecBuffer& space) override {
    if (plain.size() > kMaxMessage.count) return over_limit(plain.size(), kMaxMessage.count);
    if (plain.size() <= kTrailer) return store_as_is(plain, space);
    const auto memory = space.prepare(plain.size());
    if (!memory) return fail(memory.error());
    // There is room only for what is worth it: the compressor gives up when that is full.
    const auto length = compress(plain, *memory, plain.size() - kTrailer);
    if (length == 0) return store_as_is(plain, space);
    auto* behind = *memory + length;
    put_little(behind, static_cast<std::uint32_t>(plain.size()));
    *behind = kCompressed;
    return space.first(length + kTrailer);
  }

  Result<ConstBytes> decode(ConstBytes encoded, std::size_t limit, CodecBuffer& space) override {
    const auto form = read_form(encoded, limit);
    if (!form) return fail(form.error());
    if (!form->compressed) return form->bytes;
    if (encoded.size() <= kTrailer) {
      return fail(ErrorCode::kCodec, "the message is damaged: it does not end as it must");
    }
    const auto block = encoded.first(encoded.size() - kTrailer);
    const auto* behind = block.data() + block.size();
    const std::uint64_t length = get_little<std::uint32_t>(behind);
    if (length > limit) return over_limit(length, limit);
    if (block.size() > kMaxMessage.count || length > block.size() * kMaxRatio) {
      return fail(ErrorCode::kCodec, "the message is damaged: ", block.size(),
                  " compressed bytes cannot be ", length);
    }
    const auto memory = space.prepare(length);
    if (!memory) return fail(memory.error());
    const auto decoded =
        functions_.decompress(chars(block.data()), chars(*memory), static_cast<int>(block.size()),
                              static_cast<int>(length));
    if (decoded < 0 || static_cast<std::uint64_t>(decoded) != length) {
      return fail(ErrorCode::kCodec, "the message is damaged: its ", block.size(),
                  " compressed bytes are not the ", length, " that it announces");
    }
    return space.first(length);
  }

 private:
  /// The length of the block; 0: it does not fit.
  std::size_t compress(ConstBytes plain, std::byte* to, std::size_t room) const {
    const auto* from = chars(plain.data());
    const auto size = static_cast<int>(plain.size());
    const auto space = static_cast<int>(room);
    const int length = level_ > 1
                           ? functions_.compress_thoroughly(from, chars(to), size, space, level_)
                           : functions_.compress_fast(from, chars(to), size, space, 1 - level_);
    return length > 0 ? static_cast<std::size_t>(length) : 0;
  }

  const Lz4Functions& functions_;
  const std::int32_t level_;
};

}  // namespace

Result<std::unique_ptr<Codec>> make_lz4(std::int32_t level) {
  static const auto functions = load_functions<Lz4Functions>(kLz4Library);
  if (!functions) return fail(ErrorCode::kCodec, "codec 'lz4': ", functions.error().message);
  if (level < -65536 || level > LZ4HC_CLEVEL_MAX) {
    return fail(ErrorCode::kCodec, "codec 'lz4': there is no level ", level,
                "; choose one from -65536 to ", LZ4HC_CLEVEL_MAX);
  }
  return std::make_unique<Lz4Codec>(*functions, level == 0 ? 1 : level);
}

}  // namespace mvm::queue
