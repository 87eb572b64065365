// SPDX-License-Identifier: Apache-2.0
#include <mvm/plugin.hpp>

/// Messages begin with a distance; the nearest goes first.
struct Nearest : mvm::plugin::QueueType {
  std::int64_t rank(const mvm::plugin::Message& message) override { return message.value<int>(); }
};
MVM_QUEUE_TYPE(Nearest)
