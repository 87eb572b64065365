// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <poll.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <mvm/base/clock.hpp>
#include <mvm/base/outgoing_bytes.hpp>
#include <mvm/base/result.hpp>
#include <mvm/base/unique_fd.hpp>

/// The door of a running group: a unix socket at which `mvm run` answers other programs of the same
/// user. A frame is: magic 'M' 'D', u8 version, u8 kind, u32 payload length (little endian),
/// payload. docs/group-door.md describes the conversation.
namespace mvm::run {

enum class DoorKind : std::uint8_t {
  // From the caller. Questions have no payload, and are answered in order.
  kAskStatus = 1,       ///< tasks and queues as they are now: JSON
  kAskWaits = 2,        ///< who waits for whom: JSON
  kAskExplanation = 3,  ///< the same in words
  // From the group.
  kAnswer = 4,   ///< text
  kRefusal = 5,  ///< a sentence; the connection is closed after it
  // Both ways.
  kOutside = 6,  ///< one whole control frame of a session at an open port: outside_frames.hpp
};

struct DoorFrame {
  DoorKind kind = DoorKind::kAskStatus;
  std::string payload;
  bool operator==(const DoorFrame&) const = default;
};

inline constexpr std::uint32_t kMaxDoorQuestion = 96u << 10;  ///< bytes of payload from a caller
inline constexpr std::uint32_t kMaxDoorAnswer = 1u << 30;     ///< and to it
inline constexpr std::size_t kMaxDoorCallers = 64;            ///< at once; more are refused

[[nodiscard]] std::string encode(const DoorFrame& frame);

/// Cuts a stream into frames. After an error the stream is beyond repair.
class DoorReader {
 public:
  /// `largest` payload that is accepted.
  explicit DoorReader(std::uint32_t largest) : largest_(largest) {}
  void feed(std::string_view bytes);
  /// The next whole frame; empty when more bytes are needed. kProtocol, kLimit.
  [[nodiscard]] Result<std::optional<DoorFrame>> next();

 private:
  std::uint32_t largest_;
  std::string buffer_;
  std::size_t taken_ = 0;
};

/// Where the door of a group is.
[[nodiscard]] std::filesystem::path door_path(const std::string& group);

/// The group's side. It never blocks and does not wait by itself: its owner polls `descriptors`. A
/// caller that sends what is no frame, asks on without reading the answers, or leaves an answer
/// unread for kPatience is thrown out. One thread.
class GroupDoor {
 public:
  using Caller = std::uint64_t;  ///< never given twice
  struct Listener {
    /// A question, or a frame of a session. Answer with `say`, now or later.
    std::function<void(Caller, DoorFrame&&)> heard;
    /// It left or was thrown out. Not told of callers that were let in and never spoke.
    std::function<void(Caller)> gone;
  };
  static constexpr std::chrono::seconds kPatience{10};

  /// Listens at `path`; its folder is made, and belongs to this user alone. kSystem, kPermission,
  /// kLimit for a path that is too long for a socket.
  [[nodiscard]] static Result<std::unique_ptr<GroupDoor>> open(const std::filesystem::path& path,
                                                               Listener listener);
  ~GroupDoor();  ///< removes the socket, and its folder when nothing else is in it
  GroupDoor(const GroupDoor&) = delete;
  GroupDoor& operator=(const GroupDoor&) = delete;

  /// Appends what is to be polled for.
  void add_descriptors(std::vector<pollfd>& descriptors) const;
  /// Does what `poll` found possible. Descriptors of others are passed over.
  void on_ready(std::span<const pollfd> polled);
  /// Does what is due by time. The next time to call, if any.
  [[nodiscard]] std::optional<SteadyTime> tick();

  /// Sends to a caller; nothing happens when it is gone. Frames of sessions may wait as long as the
  /// caller likes. One that leaves more of them unread than a window admits is thrown out.
  void say(Caller caller, const DoorFrame& frame);
  /// Bytes that the caller has not taken yet; 0 when it is gone.
  [[nodiscard]] std::size_t unread(Caller caller) const;
  /// Says no, and closes.
  void refuse(Caller caller, const std::string& why);

 private:
  struct Guest {
    UniqueFd fd;
    DoorReader reader{kMaxDoorQuestion};
    OutgoingBytes outgoing;
    std::uint32_t unanswered = 0;  ///< questions
    bool spoke = false;
    bool leaving = false;                ///< to be closed when everything is written
    std::optional<SteadyTime> stuck_at;  ///< an answer is there since then, and nothing was read
  };

  GroupDoor(std::filesystem::path path, Listener listener);
  void let_in();
  void listen_to(Caller caller);
  [[nodiscard]] bool take(Caller caller, std::string_view bytes);
  void write_to(Caller caller, Guest& guest);
  void throw_out(Caller caller);

  std::filesystem::path path_;
  Listener listener_;
  UniqueFd folder_lock_;
  UniqueFd socket_;
  std::map<Caller, Guest> guests_;
  Caller next_ = 1;
};

/// The caller's side of a door. Blocks.
class DoorCall {
 public:
  /// kNotFound when the group does not run here.
  [[nodiscard]] static Result<DoorCall> to(const std::string& group);

  /// One question, and its answer. kTimedOut when none comes in time, kPermission when the group
  /// does not want to tell, kNotFound when it ended meanwhile.
  [[nodiscard]] Result<std::string> ask(DoorKind question, std::chrono::milliseconds patience);

  /// For sessions. `hear` gives nothing at the end of the stream, or when `until` has passed.
  [[nodiscard]] Result<void> say(const DoorFrame& frame);
  [[nodiscard]] Result<std::optional<DoorFrame>> hear(SteadyTime until = SteadyTime::max());
  /// To wait for input together with other descriptors. What was read but not yet heard is not
  /// seen by `poll`: hear with an `until` that has passed as long as that gives frames.
  [[nodiscard]] int descriptor() const { return fd_.get(); }
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  explicit DoorCall(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
  DoorReader reader_{kMaxDoorAnswer};
  bool ended_ = false;
};

}  // namespace mvm::run
