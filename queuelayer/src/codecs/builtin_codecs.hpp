// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include <mvm/base/result.hpp>
#include <mvm/queuelayer/codec.hpp>
#include <mvm/queuelayer/codec_chain.hpp>

namespace mvm::queue {

/// The codecs that MVM brings. docs/codecs.md has their formats, byte by byte. Each loads its
/// library when it is made; kCodec when that is missing, with the package that has it.

/// `level`: 0 and 1 are the fast compressor; below, faster yet; 2 … 12 the thorough one.
[[nodiscard]] Result<std::unique_ptr<Codec>> make_lz4(std::int32_t level);
/// `level`: 0 is zstd's default (3); else what zstd allows, -131072 … 22.
[[nodiscard]] Result<std::unique_ptr<Codec>> make_zstd(std::int32_t level);
[[nodiscard]] Result<std::unique_ptr<Codec>> make_crc32c();
/// kCodec when the group has no secret.
[[nodiscard]] Result<std::unique_ptr<Codec>> make_aes_gcm(GroupSecret secret,
                                                          std::uint64_t channel);

}  // namespace mvm::queue
