// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <mvm/base/result.hpp>
#include <mvm/base/units.hpp>

namespace mvm {

/// How messages stand in the byte stream of a program that knows none.
enum class RecordFormat : std::uint8_t {
  kLines = 0,   ///< one line each, without its newline; the last one may lack it
  kFrames = 1,  ///< the length as u32, little endian, then the bytes
  kRaw = 2,     ///< pieces of a fixed size, nothing between them; the last may be shorter
};

/// "lines", "frames", "raw"; empty for other words.
[[nodiscard]] std::optional<RecordFormat> parse_record_format(std::string_view word);
[[nodiscard]] std::string_view to_string(RecordFormat format);

/// Appends one message to a stream. A line that holds a newline becomes several lines there.
void append_record(std::string& stream, RecordFormat format, std::string_view message);

/// What stands before a message of this length in a stream of kFrames.
[[nodiscard]] std::string record_head(std::uint64_t length);

/// Cuts a byte stream that comes in pieces of any size into messages. After an error the stream is
/// beyond repair.
class RecordCutter {
 public:
  /// No message may be longer than `limit`. `piece`: the fixed size of kRaw, from 1.
  RecordCutter(RecordFormat format, Bytes limit, std::size_t piece = 1);

  /// Adds bytes that arrived. Ends the life of what `next` gave.
  void feed(std::string_view bytes);

  /// The next whole message; empty when more bytes are needed. kLimit for one that is too long.
  [[nodiscard]] Result<std::optional<std::string_view>> next();

  /// After the end of the stream, once `next` gives nothing: the rest, where the format allows one.
  /// kProtocol when the stream ended in the middle of a frame.
  [[nodiscard]] Result<std::optional<std::string_view>> last();

  /// Messages given so far.
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  using Cut = Result<std::optional<std::string_view>>;
  [[nodiscard]] std::string_view rest() const { return std::string_view(buffer_).substr(taken_); }
  [[nodiscard]] Cut next_line();
  [[nodiscard]] Cut next_frame();
  [[nodiscard]] std::string_view take(std::size_t skipped, std::size_t length, std::size_t after);
  [[nodiscard]] std::unexpected<Error> too_long() const;

  RecordFormat format_;
  Bytes limit_;
  std::size_t piece_;
  std::string buffer_;
  std::size_t taken_ = 0;    ///< bytes of buffer_ already given
  std::size_t scanned_ = 0;  ///< bytes after them that hold no newline
  std::uint64_t count_ = 0;
};

}  // namespace mvm
