// SPDX-License-Identifier: Apache-2.0
#include <mvm/base/error.hpp>

#include <cerrno>
#include <system_error>

namespace mvm {

Error system_error(std::string what) {
  const int number = errno;
  const auto code = number == ENOENT                      ? ErrorCode::kNotFound
                    : number == EACCES || number == EPERM ? ErrorCode::kPermission
                                                          : ErrorCode::kSystem;
  what += ": ";
  what += std::generic_category().message(number);
  return {code, std::move(what)};
}

}  // namespace mvm
