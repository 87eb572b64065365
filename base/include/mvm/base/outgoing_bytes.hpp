// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mvm {

/// Bytes that wait to be written to a descriptor that does not block. Grows without limit: whoever
/// fills it looks at `size` first where the reader may be slow. One thread.
class OutgoingBytes {
 public:
  void append(std::string_view bytes) { bytes_.append(bytes); }
  [[nodiscard]] std::size_t size() const { return bytes_.size() - written_; }
  [[nodiscard]] bool empty() const { return size() == 0; }

  /// Writes what the descriptor takes now. False when the other end is gone; never a SIGPIPE on a
  /// socket.
  [[nodiscard]] bool flush(int fd);

 private:
  std::string bytes_;
  std::size_t written_ = 0;
};

}  // namespace mvm
