// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mvm::model {

/// `job.port`, `job[2].port`, `job[*].port`, with wildcards where they are allowed.
struct Selector {
  std::string job;                     ///< "*": any
  std::optional<std::uint32_t> index;  ///< nothing: any
  std::string port;                    ///< "*": any; may end in '*'
};

/// `wildcards`: the job may be "*" and the port may end in '*'. Nothing when it is malformed.
[[nodiscard]] std::optional<Selector> parse_selector(std::string_view words, bool wildcards);

/// What the topology may name a port.
[[nodiscard]] bool is_port_name(std::string_view words);

}  // namespace mvm::model
