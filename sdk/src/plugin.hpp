// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <mvm/base/result.hpp>
#include <mvm/queuelayer/codec.hpp>
#include <mvm/queuelayer/port_writer.hpp>

namespace mvm {

/// Loads a user's codec, a shared object made from a source with MVM_CODEC, and makes one of it.
/// It stays loaded until the process ends. Errors, also of the codec itself: kCodec, with the
/// plugin's name in front.
[[nodiscard]] Result<std::unique_ptr<queue::Codec>> load_codec(const std::string& path,
                                                               std::int32_t level);

/// The same for a queue type, made from a source with MVM_QUEUE_TYPE.
[[nodiscard]] Result<queue::PluginRank> load_queue_type(const std::string& path);

}  // namespace mvm
