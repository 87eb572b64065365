// SPDX-License-Identifier: Apache-2.0
#include <zstd.h>
#include <zstd_errors.h>

#include <memory>

#include "builtin_codecs.hpp"
#include "shared_library.hpp"
#include "stored_form.hpp"

namespace mvm::queue {
namespace {

/// The most that a byte of a frame can stand for: a block of 128 KiB takes four bytes at least.
constexpr std::uint64_t kMaxRatio = 32 * 1024;

struct ZstdFunctions {
  SharedLibrary library;
  decltype(&ZSTD_createCCtx) make_compressor = library.find("ZSTD_createCCtx");
  decltype(&ZSTD_freeCCtx) free_compressor = library.find("ZSTD_freeCCtx");
  decltype(&ZSTD_CCtx_setParameter) set_parameter = library.find("ZSTD_CCtx_setParameter");
  decltype(&ZSTD_compress2) compress = library.find("ZSTD_compress2");
  decltype(&ZSTD_createDCtx) make_decompressor = library.find("ZSTD_createDCtx");
  decltype(&ZSTD_freeDCtx) free_decompressor = library.find("ZSTD_freeDCtx");
  decltype(&ZSTD_getFrameContentSize) content_size = library.find("ZSTD_getFrameContentSize");
  decltype(&ZSTD_findFrameCompressedSize) frame_size = library.find("ZSTD_findFrameCompressedSize");
  decltype(&ZSTD_decompressDCtx) decompress = library.find("ZSTD_decompressDCtx");
  decltype(&ZSTD_isError) is_error = library.find("ZSTD_isError");
  decltype(&ZSTD_getErrorCode) error_code = library.find("ZSTD_getErrorCode");
  decltype(&ZSTD_getErrorName) error_name = library.find("ZSTD_getErrorName");
  decltype(&ZSTD_minCLevel) least_level = library.find("ZSTD_minCLevel");
  decltype(&ZSTD_maxCLevel) greatest_level = library.find("ZSTD_maxCLevel");
};

class ZstdCodec : public Codec {
 public:
  ZstdCodec(const ZstdFunctions& functions, std::int32_t level)
      : functions_(functions),
        level_(level),
        compressor_(nullptr, functions.free_compressor),
        decompressor_(nullptr, functions.free_decompressor) {}

  std::string_view name() const override { return to_string(CodecKind::kZstd); }
  std::size_t longest(std::size_t plain) const override { return plain + 1; }

  Result<ConstBytes> encode(ConstBytes plain, CodecBuffer& space) override {
    if (plain.empty()) return store_as_is(plain, space);
    if (const auto ready = need_compressor(); !ready) return fail(ready.error());
    const auto memory = space.prepare(plain.size());
    if (!memory) return fail(memory.error());
    // There is room only for what is worth it: the compressor gives up when that is full.
    const auto length = functions_.compress(compressor_.get(), *memory, plain.size() - 1,
                                            plain.data(), plain.size());
    if (functions_.is_error(length) != 0) {
      if (functions_.error_code(length) != ZSTD_error_dstSize_tooSmall) {
        return fail(ErrorCode::kCodec, "cannot compress ", plain.size(),
                    " bytes: ", functions_.error_name(length));
      }
      return store_as_is(plain, space);
    }
    (*memory)[length] = kCompressed;
    return space.first(length + 1);
  }

  Result<ConstBytes> decode(ConstBytes encoded, std::size_t limit, CodecBuffer& space) override {
    const auto form = read_form(encoded, limit);
    if (!form) return fail(form.error());
    if (!form->compressed) return form->bytes;
    const auto frame = form->bytes;
    const auto length = announced_length(frame);
    if (!length) return fail(length.error());
    if (*length > limit) return over_limit(*length, limit);
    if (const auto ready = need_decompressor(); !ready) return fail(ready.error());
    const auto memory = space.prepare(*length);
    if (!memory) return fail(memory.error());
    const auto decoded =
        functions_.decompress(decompressor_.get(), *memory, *length, frame.data(), frame.size());
    if (functions_.is_error(decoded) != 0) {
      return fail(ErrorCode::kCodec, "the message is damaged: ", functions_.error_name(decoded));
    }
    if (decoded != *length) {
      return fail(ErrorCode::kCodec, "the message is damaged: it has ", decoded,
                  " bytes where it announces ", *length);
    }
    return space.first(decoded);
  }

 private:
  /// What the frame says, as far as its own length makes that possible.
  Result<std::uint64_t> announced_length(ConstBytes frame) const {
    const std::uint64_t length = functions_.content_size(frame.data(), frame.size());
    if (length == ZSTD_CONTENTSIZE_ERROR || length == ZSTD_CONTENTSIZE_UNKNOWN || length == 0 ||
        functions_.frame_size(frame.data(), frame.size()) != frame.size()) {
      return fail(ErrorCode::kCodec, "the message is damaged: it is not one whole frame");
    }
    if (length / kMaxRatio > frame.size()) {
      return fail(ErrorCode::kCodec, "the message is damaged: ", frame.size(),
                  " compressed bytes cannot be ", length);
    }
    return length;
  }

  /// The two ends of a queue need one of them each.
  Result<void> need_compressor() {
    if (compressor_) return {};
    compressor_.reset(functions_.make_compressor());
    if (!compressor_) return fail(ErrorCode::kLimit, "no memory for a compressor");
    functions_.set_parameter(compressor_.get(), ZSTD_c_compressionLevel, level_);
    return {};
  }
  Result<void> need_decompressor() {
    if (!decompressor_) decompressor_.reset(functions_.make_decompressor());
    if (!decompressor_) return fail(ErrorCode::kLimit, "no memory for a decompressor");
    return {};
  }

  const ZstdFunctions& functions_;
  const std::int32_t level_;
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> compressor_;
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> decompressor_;
};

}  // namespace

Result<std::unique_ptr<Codec>> make_zstd(std::int32_t level) {
  static const auto functions = load_functions<ZstdFunctions>(kZstdLibrary);
  if (!functions) return fail(ErrorCode::kCodec, "codec 'zstd': ", functions.error().message);
  const auto least = functions->least_level();
  const auto greatest = functions->greatest_level();
  if (level < least || level > greatest) {
    return fail(ErrorCode::kCodec, "codec 'zstd': there is no level ", level, "; choose one from ",
                least, " to ", greatest);
  }
  return std::make_unique<ZstdCodec>(*functions, level);
}

}  // namespace mvm::queue
