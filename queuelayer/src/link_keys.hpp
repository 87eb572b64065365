// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>

#include <mvm/base/result.hpp>

/// Keys for the links of a group that leave its host: every machine makes the same ones of the
/// group's secret.
namespace mvm::queue {

using LinkKey = std::array<unsigned char, 32>;

/// HMAC-SHA256 of the words `purpose`; each use of the secret has its own. Errors: kSystem.
[[nodiscard]] Result<LinkKey> derive_link_key(std::string_view secret, std::string_view purpose);

/// For ZeroMQ's CURVE: one pair for all that listen, one for all that connect; Z85.
struct CurveKeys {
  std::string server_public;
  std::string server_secret;
  std::string client_public;
  std::string client_secret;
};
/// Errors: kSystem.
[[nodiscard]] Result<CurveKeys> derive_curve_keys(std::string_view secret);

}  // namespace mvm::queue
