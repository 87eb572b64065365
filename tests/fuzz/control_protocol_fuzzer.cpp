// SPDX-License-Identifier: Apache-2.0
// A stream of control frames, fed in two pieces, gives the same messages as fed at once, and every
// message has exactly the bytes that it came from.
#include <cstdlib>

#include <mvm/queuelayer/control_protocol.hpp>

#include "edited_form.hpp"
#include "queuelayer/sample_plan.hpp"

namespace {

using namespace mvm::queue;
using namespace mvm::queue::control;

std::string valid_stream() {
  std::string stream;
  for (const Message& message :
       {Message(Hello{1}), Message(Ready{}), Message(Output{1, OutputStream::kOutput, "words\n"}),
        Message(TaskEnded{}), Message(Stop{}), Message(Figures{{{}, {}}}),
        Message(Failed{mvm::ErrorCode::kArena, "no"}), Message(Stalled{}), Message(Ask{1}),
        Message(Status{1, 2, {{.task = 1, .waits = {{}}}}, {{}}}), Message(Start{sample_plan()})}) {
    stream += encode(message);
  }
  return stream;
}

/// All messages up to the end or the first error, written back.
std::string read_back(std::string_view first, std::string_view second) {
  FrameReader reader;
  std::string written;
  for (const auto piece : {first, second}) {
    reader.feed(piece);
    for (;;) {
      const auto message = reader.next();
      if (!message || !*message) break;
      written += encode(**message);
    }
  }
  return written;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const bool raw = rest[0] % 2 == 0;
  const auto cut = static_cast<std::size_t>(data[1]) << 8 | data[2];
  rest.remove_prefix(3);
  static const std::string valid = valid_stream();
  const auto bytes = raw ? std::string(rest) : mvm::fuzz::edited(valid, rest);
  const auto at = bytes.empty() ? 0 : cut % bytes.size();
  const auto whole = read_back(bytes, {});
  const auto pieces =
      read_back(std::string_view(bytes).substr(0, at), std::string_view(bytes).substr(at));
  if (whole != pieces || !bytes.starts_with(whole)) std::abort();
  return 0;
}
