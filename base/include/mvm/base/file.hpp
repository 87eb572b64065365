// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <mvm/base/result.hpp>
#include <mvm/base/units.hpp>

namespace mvm {

/// The whole file, at most `limit` (kLimit otherwise; a FIFO or device is refused, not waited for).
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path, Bytes limit);

/// Writes beside `path` and renames, so that a reader sees the old or the new content, never half.
[[nodiscard]] Result<void> write_file_atomically(const std::filesystem::path& path,
                                                 std::string_view content);

/// Makes the folder and its parents. With `private_to_user`, the last one gets mode 0700 and must
/// belong to this user (kPermission otherwise).
[[nodiscard]] Result<void> make_folder(const std::filesystem::path& path,
                                       bool private_to_user = false);

/// Writes all of `data`, across short writes and EINTR.
[[nodiscard]] Result<void> write_all(int fd, std::string_view data);

/// Where this user's files go, by the XDG rules; `MVM_CACHE_DIR`, `MVM_STATE_DIR` and
/// `MVM_RUNTIME_DIR` override them. None of them is created.
[[nodiscard]] std::filesystem::path cache_folder();  ///< default ~/.cache/mvm
[[nodiscard]] std::filesystem::path state_folder();  ///< default ~/.local/state/mvm
[[nodiscard]] std::filesystem::path data_folder();   ///< default ~/.local/share/mvm
[[nodiscard]] std::filesystem::path
runtime_folder();  ///< default /run/user/UID/mvm or /tmp/mvm-UID

}  // namespace mvm
