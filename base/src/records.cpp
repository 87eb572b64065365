// SPDX-License-Identifier: Apache-2.0
#include <mvm/base/records.hpp>

#include <algorithm>
#include <array>

namespace mvm {

namespace {

constexpr std::array<std::string_view, 3> kFormatWords{"lines", "frames", "raw"};
constexpr std::size_t kLengthSize = 4;

std::uint32_t read_length(std::string_view bytes) {
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < kLengthSize; ++i) {
    length |= std::uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return length;
}

}  // namespace

std::optional<RecordFormat> parse_record_format(std::string_view word) {
  const auto found = std::find(kFormatWords.begin(), kFormatWords.end(), word);
  if (found == kFormatWords.end()) return std::nullopt;
  return static_cast<RecordFormat>(found - kFormatWords.begin());
}

std::string_view to_string(RecordFormat format) {
  return kFormatWords[static_cast<std::size_t>(format)];
}

std::string record_head(std::uint64_t length) {
  std::string head;
  for (std::size_t i = 0; i < kLengthSize; ++i) {
    head.push_back(static_cast<char>(length >> (8 * i) & 0xff));
  }
  return head;
}

void append_record(std::string& stream, RecordFormat format, std::string_view message) {
  if (format == RecordFormat::kFrames) stream.append(record_head(message.size()));
  stream.append(message);
  if (format == RecordFormat::kLines) stream.push_back('\n');
}

RecordCutter::RecordCutter(RecordFormat format, Bytes limit, std::size_t piece)
    : format_(format), limit_(limit), piece_(std::max<std::size_t>(piece, 1)) {}

void RecordCutter::feed(std::string_view bytes) {
  // What was given goes away only when it is most of the buffer: moving costs once per byte.
  if (taken_ > buffer_.size() / 2) {
    buffer_.erase(0, taken_);
    taken_ = 0;
  }
  buffer_.append(bytes);
}

RecordCutter::Cut RecordCutter::next() {
  switch (format_) {
    case RecordFormat::kLines:
      return next_line();
    case RecordFormat::kFrames:
      return next_frame();
    case RecordFormat::kRaw:
      break;
  }
  if (piece_ > limit_.count) return too_long();
  if (rest().size() < piece_) return std::nullopt;
  return take(0, piece_, 0);
}

RecordCutter::Cut RecordCutter::last() {
  const auto left = rest().size();
  if (left == 0) return std::nullopt;
  if (format_ == RecordFormat::kFrames) {
    return fail(ErrorCode::kProtocol, "the stream ended inside frame ", count_ + 1, ", after ",
                left, " bytes of it");
  }
  return take(0, left, 0);
}

RecordCutter::Cut RecordCutter::next_line() {
  const auto bytes = rest();
  const auto end = bytes.find('\n', scanned_);
  const auto length = std::min(end, bytes.size());
  if (length > limit_.count) return too_long();
  if (end == std::string_view::npos) {
    scanned_ = bytes.size();
    return std::nullopt;
  }
  return take(0, end, 1);
}

RecordCutter::Cut RecordCutter::next_frame() {
  const auto bytes = rest();
  if (bytes.size() < kLengthSize) return std::nullopt;
  const auto length = read_length(bytes);
  if (length > limit_.count) return too_long();
  if (bytes.size() - kLengthSize < length) return std::nullopt;
  return take(kLengthSize, length, 0);
}

std::string_view RecordCutter::take(std::size_t skipped, std::size_t length, std::size_t after) {
  const auto message = rest().substr(skipped, length);
  taken_ += skipped + length + after;
  scanned_ = 0;
  ++count_;
  return message;
}

std::unexpected<Error> RecordCutter::too_long() const {
  return fail(ErrorCode::kLimit, format_ == RecordFormat::kLines ? "line " : "message ", count_ + 1,
              " is longer than the largest message, ", to_string(limit_),
              format_ == RecordFormat::kFrames ? "; does it hold frames?" : "");
}

}  // namespace mvm
