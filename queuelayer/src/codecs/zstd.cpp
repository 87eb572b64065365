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
  decltype(&ZSTD_createCCtx) make_compressor = nullptr;
  decltype(&ZSTD_freeCCtx) free_compressor = nullptr;
  decltype(&ZSTD_CCtx_setParameter) set_parameter = nullptr;
  decltype(&ZSTD_compress2) compress = nullptr;
  decltype(&ZSTD_createDCtx) make_decompressor = nullptr;
  decltype(&ZSTD_freeDCtx) free_decompressor = nullptr;
  decltype(&ZSTD_getFrameContentSize) content_size = nullptr;
  decltype(&ZSTD_findFrameCompressedSize) frame_size = nullptr;
  decltype(&ZSTD_decompressDCtx) decompress = nullptr;
  decltype(&ZSTD_isError) is_error = nullptr;
  decltype(&ZSTD_getErrorCode) error_code = nullptr;
  decltype(&ZSTD_getErrorName) error_name = nullptr;
  decltype(&ZSTD_minCLevel) least_level = nullptr;
  decltype(&ZSTD_maxCLevel) greatest_level = nullptr;
};

Result<ZstdFunctions> load() {
  auto library = SharedLibrary::load(kZstdLibrary);
  if (!library) return fail(library.error());
  ZstdFunctions functions;
  library->find("ZSTD_createCCtx", functions.make_compressor)
      .find("ZSTD_freeCCtx", functions.free_compressor)
      .find("ZSTD_CCtx_setParameter", functions.set_parameter)
      .find("ZSTD_compress2", functions.compress)
      .find("ZSTD_createDCtx", functions.make_decompressor)
      .find("ZSTD_freeDCtx", functions.free_decompressor)
      .find("ZSTD_getFrameContentSize", functions.content_size)
      .find("ZSTD_findFrameCompressedSize", functions.frame_size)
      .find("ZSTD_decompressDCtx", functions.decompress)
      .find("ZSTD_isError", functions.is_error)
      .find("ZSTD_getErrorCode", functions.error_code)
      .find("ZSTD_getErrorName", functions.error_name)
      .find("ZSTD_minCLevel", functions.least_level)
      .find("ZSTD_maxCLevel", functions.greatest_level);
  if (const auto complete = library->complete(); !complete) return fail(complete.error());
  return functions;
}

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
    if (encoded.empty()) return fail(ErrorCode::kCodec, "an empty message is not compressed");
    const auto frame = encoded.first(encoded.size() - 1);
    if (encoded.back() == kStored) {
      if (frame.size() > limit) return over_limit(frame.size(), limit);
      return frame;
    }
    if (encoded.back() != kCompressed) {
      return fail(ErrorCode::kCodec, "the message is damaged: it does not end as it must");
    }
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
  static const Result<ZstdFunctions> functions = load();
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
