// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What the templates of <mvm/job.hpp> call in libmvm to send and receive.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <mvm/composite.hpp>
#include <mvm/types.hpp>

namespace mvm {

class Job;
class Port;

namespace detail {

inline constexpr std::int64_t kForever = -1;

/// Nanoseconds of any std::chrono duration, without its header.
template <typename Duration>
constexpr std::int64_t nanoseconds(const Duration& duration) {
  using Period = typename Duration::period;
  return static_cast<std::int64_t>(static_cast<long double>(duration.count()) * Period::num *
                                   1'000'000'000 / Period::den);
}

/// What a sender says about a message beside its bytes, and how long it waits for room.
struct SendTerms {
  std::int64_t timeout_ns = kForever;   ///< 0 does not wait
  std::int64_t deadline_ns = kForever;  ///< from now until when it is wanted
  std::uint32_t priority = 0;
  bool has_key = false;  ///< else the message's bytes are the key, where ports spread by hash
  std::uint64_t key = 0;
};

inline constexpr SendTerms kNoTerms;

// Sending.

/// False: no room in time.
MVM_API bool send(Port& port, const void* data, std::size_t size, std::uint32_t type,
                  const SendTerms& terms);
MVM_API Block loan(Port& port, std::size_t size);
MVM_API void send_loan(Port& port, Block& block, std::uint32_t type, const SendTerms& terms);
MVM_API void drop_loan(Block& block) noexcept;

// Receiving.

enum class Got { kMessage, kNothing, kEnd };
MVM_API Got receive(Port& port, Block& out, std::int64_t timeout_ns);
MVM_API Got receive_any(Job& job, Block& out, std::int64_t timeout_ns);
/// Copies the next message straight to `data`; `size` is the room there, then the message's length.
MVM_API Got receive_into(Port& port, void* data, std::size_t& size, std::uint32_t type,
                         std::int64_t timeout_ns);
/// The same for a message of exactly `size` bytes.
MVM_API Got receive_value(Port& port, void* data, std::size_t size, std::uint32_t type,
                          std::int64_t timeout_ns);
MVM_API void release(Block& block) noexcept;

/// A send or receive of an exchange that is not done.
struct Pending {
  Port* port;
  bool sends;
};
/// Calls `step`, which adds what it leaves to `pending`, whenever some of that may be able to go
/// on, until it leaves nothing.
MVM_API void step_until_done(Job& job, void (*step)(void* object, std::vector<Pending>& pending),
                             void* object);

[[noreturn]] MVM_API void throw_closed(const Port& port);

// What a received message may be taken for.

/// True when the elements are of the wanted type as they lie there. 0, bytes, fits anything.
inline bool fits(const Block& block, std::uint32_t wanted) {
  return wanted == block.type || wanted == 0 || block.type == 0;
}
/// True for a message of a type with a codec of its own, as far as one can tell.
inline bool fits_own(const Block& block, std::uint32_t wanted) {
  return fits(block, wanted) || (kind_of(block.type) == Kind::kOwn &&
                                 ((block.type & kTagSize) == 0 || (wanted & kTagSize) == 0));
}
/// The bytes that a message's elements take as elements of the wanted type. Throws `error` when
/// they cannot be had as that.
MVM_API std::size_t elements_size(const Block& block, std::uint32_t wanted);
/// Copies them, converted where the queue's codec allows it, and returns their bytes. Throws
/// `error` when they cannot be had as that, or take more than `room` bytes.
MVM_API std::size_t copy_elements(const Block& block, void* to, std::size_t room,
                                  std::uint32_t wanted);

[[noreturn]] MVM_API void throw_mismatch(const Block& block, std::uint32_t wanted_type,
                                         std::size_t wanted_size);
[[noreturn]] MVM_API void throw_mismatch(const Block& block, const std::string& wanted_signature);
/// The message would have to be converted, which a view cannot.
[[noreturn]] MVM_API void throw_no_view(const Block& block, std::uint32_t wanted_type,
                                        std::size_t wanted_size);
[[noreturn]] MVM_API void throw_malformed(const Block& block, const std::string& wanted_signature,
                                          const char* why);

}  // namespace detail
}  // namespace mvm
