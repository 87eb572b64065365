// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace mvm {

/// What kind of thing went wrong. The numbers are stable: they travel in control frames, summaries
/// and service faults, so a number is never given a second meaning. Hundreds name the layer.
enum class ErrorCode : std::uint16_t {
  // 1xx: anything outside of MVM
  kSystem = 100,       ///< a system call failed; the message has the call, the object and errno
  kNotFound = 101,     ///< a file, group, port or program is not there
  kPermission = 102,   ///< the object is there, but not for this user
  kLimit = 103,        ///< a named limit would be passed; the message has the limit
  kUnsupported = 104,  ///< known by name, but not available in this version or on this host
  kTimedOut = 105,     ///< a time limit passed
  kInterrupted = 106,  ///< the user or a signal asked to stop
  kUsage = 107,        ///< wrong command line
  // 2xx: profiles and plans
  kInvalidProfile = 200,  ///< the profile breaks the schema or its own references
  kInvalidPlan = 201,     ///< a wiring plan does not hold together
  // 3xx: building
  kCompiler = 300,     ///< the compiler is missing or failed on its own account
  kCompilation = 301,  ///< the compiler refused the source
  kCache = 302,        ///< the build cache cannot be read or written
  // 4xx: queues and the queue VM
  kArena = 400,      ///< shared memory cannot be made, attached or trusted
  kClosed = 401,     ///< the other end of the queue is gone
  kProtocol = 402,   ///< a peer broke the control or data protocol
  kTransport = 403,  ///< a link between machines failed
  kCodec = 404,      ///< a codec or plugin is missing, or refuses a message's bytes
  // 5xx: running
  kLaunch = 500,      ///< a task or queue VM could not be started
  kTaskFailed = 501,  ///< a task ended with a failure
};

/// A failure that a caller may handle: a stable code, and a message for people that names the
/// object, its state and the remedy.
struct Error {
  ErrorCode code = ErrorCode::kSystem;
  std::string message;
};

/// An `Error` for the system call that just failed: "open build/x: No such file or directory".
/// Reads `errno`, so call it before anything else.
[[nodiscard]] Error system_error(std::string what);

}  // namespace mvm
