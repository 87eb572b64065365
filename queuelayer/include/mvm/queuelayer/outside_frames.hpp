// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include <mvm/base/error.hpp>
#include <mvm/base/units.hpp>

/// The frames of the control protocol by which programs outside of a group send and receive at its
/// open ports. A program's connection to one port is a *session*; the starter numbers them, and
/// relays between the program and the queue VM of the first machine.
///
/// Messages travel as a stream of frames of records: u32 length, little endian, and the bytes; cut
/// into OutsideData anywhere. Of this stream at most kOutsideWindow bytes are under way: the other
/// side says by OutsideDone what it has dealt with.
///     to enqueue   Open, Data…, Leave   answered by Done…, Closed
///     to dequeue   Open, Done…, Leave   answered by Data…, Closed
/// After Closed a session is over, and what is still said about it means nothing.
namespace mvm::queue::control {

inline constexpr Bytes kOutsideWindow = 256_KiB;

enum class OutsideWay : std::uint8_t { kEnqueue = 0, kDequeue = 1 };

struct OutsideOpen {
  std::uint32_t session = 0;
  std::string port;
  OutsideWay way = OutsideWay::kEnqueue;
  std::uint64_t limit = 0;  ///< to dequeue: so many messages at most; 0: all
  bool operator==(const OutsideOpen&) const = default;
};

struct OutsideData {
  std::uint32_t session = 0;
  std::string bytes;  ///< at most kMaxText
  bool operator==(const OutsideData&) const = default;
};

/// Since the last one: what the receiver of the data has dealt with. Bytes of a message may be done
/// before it is whole.
struct OutsideDone {
  std::uint32_t session = 0;
  std::uint64_t messages = 0;  ///< in the queue; or written out by the program
  std::uint64_t bytes = 0;     ///< of the stream
  bool operator==(const OutsideDone&) const = default;
};

enum class OutsideGoing : std::uint8_t {
  kFinished = 0,  ///< no more data; or wants no more. Closed follows when all under way is done
  kEndPort = 1,   ///< the same, and nobody will enqueue there any more
  kGone = 2,      ///< it is there no more: what was not done with goes to the next
};
struct OutsideLeave {
  std::uint32_t session = 0;
  OutsideGoing how = OutsideGoing::kFinished;
  bool operator==(const OutsideLeave&) const = default;
};

enum class OutsideEnd : std::uint8_t {
  kAsAsked = 0,  ///< after OutsideLeave, or the limit was reached
  kStream = 1,   ///< nothing more will come; or nobody will take any more
  kRefused = 2,
};
struct OutsideClosed {
  std::uint32_t session = 0;
  OutsideEnd end = OutsideEnd::kAsAsked;
  ErrorCode code = ErrorCode::kClosed;
  std::string message;  ///< for people, unless kAsAsked
  bool operator==(const OutsideClosed&) const = default;
};

/// What a program outside says, and what it hears.
using OutsideRequest = std::variant<OutsideOpen, OutsideData, OutsideDone, OutsideLeave>;
using OutsideReply = std::variant<OutsideData, OutsideDone, OutsideClosed>;

}  // namespace mvm::queue::control
