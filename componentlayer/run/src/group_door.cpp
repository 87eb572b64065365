// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/run/group_door.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <mvm/base/byte_codec.hpp>
#include <mvm/base/file.hpp>

namespace mvm::run {
namespace {

namespace fs = std::filesystem;

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHeaderSize = 8;
/// A caller that has asked this often without reading an answer does not mean it well.
constexpr std::uint32_t kMaxUnanswered = 4;
constexpr int kBacklog = 16;
/// Far more than an honest session can have under way, even in the smallest of messages.
constexpr std::size_t kMaxUnread = 4u << 20;

Result<sockaddr_un> address_of(const fs::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto& words = path.native();
  if (words.size() >= sizeof address.sun_path) {
    return fail(ErrorCode::kLimit, "the path ", words, " is too long for a socket, the limit is ",
                sizeof address.sun_path - 1, " bytes; set MVM_RUNTIME_DIR to a shorter folder");
  }
  std::memcpy(address.sun_path, words.data(), words.size());
  return address;
}

/// Who is at the other end; a user id of nobody when that cannot be told.
uid_t user_at(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return static_cast<uid_t>(-1);
  return peer.uid;
}

bool is_question(DoorKind kind) {
  return kind == DoorKind::kAskStatus || kind == DoorKind::kAskWaits ||
         kind == DoorKind::kAskExplanation;
}

}  // namespace

std::string encode(const DoorFrame& frame) {
  ByteWriter out;
  out.put(std::uint8_t{'M'});
  out.put(std::uint8_t{'D'});
  out.put(kVersion);
  out.put(frame.kind);
  out.put(std::string_view(frame.payload));
  return out.take();
}

void DoorReader::feed(std::string_view bytes) {
  if (taken_ > buffer_.size() / 2) {
    buffer_.erase(0, taken_);
    taken_ = 0;
  }
  buffer_.append(bytes);
}

Result<std::optional<DoorFrame>> DoorReader::next() {
  const auto rest = std::string_view(buffer_).substr(taken_);
  if (rest.size() < kHeaderSize) return std::nullopt;
  ByteReader header(rest);
  if (header.get<std::uint8_t>() != 'M' || header.get<std::uint8_t>() != 'D') {
    return fail(ErrorCode::kProtocol, "the peer does not speak as one does at a group's door");
  }
  if (const auto version = header.get<std::uint8_t>(); version != kVersion) {
    return fail(ErrorCode::kProtocol, "the peer speaks version ", version,
                " at the group's door, we speak ", kVersion, "; use one release of mvm");
  }
  const auto kind = header.get<std::uint8_t>();
  if (kind == 0 || kind > static_cast<std::uint8_t>(DoorKind::kOutside)) {
    return fail(ErrorCode::kProtocol, "the peer sent a frame of unknown kind ", kind);
  }
  const auto length = header.get<std::uint32_t>();
  if (length > largest_) {
    return fail(ErrorCode::kLimit, "the peer announced a frame of ", length,
                " bytes, the limit is ", largest_);
  }
  if (rest.size() - kHeaderSize < length) return std::nullopt;
  taken_ += kHeaderSize + length;
  return DoorFrame{static_cast<DoorKind>(kind), std::string(rest.substr(kHeaderSize, length))};
}

fs::path door_path(const std::string& group) {
  return runtime_folder() / group / "door";
}

GroupDoor::GroupDoor(fs::path path, Listener listener)
    : path_(std::move(path)), listener_(std::move(listener)) {}

Result<std::unique_ptr<GroupDoor>> GroupDoor::open(const fs::path& path, Listener listener) {
  const auto address = address_of(path);
  if (!address) return fail(address.error());
  const auto folder = path.parent_path();
  if (auto made = make_folder(folder.parent_path(), true); !made) return fail(made.error());
  if (auto made = make_folder(folder, true); !made) return fail(made.error());
  std::unique_ptr<GroupDoor> door(new GroupDoor(path, std::move(listener)));
  // The lock tells that the folder is in use; the group's queue VMs hold it as well.
  door->folder_lock_.reset(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ::flock(door->folder_lock_.get(), LOCK_SH | LOCK_NB);
  door->socket_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!door->socket_) return fail_system("make a socket");
  if (::bind(door->socket_.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) !=
          0 ||
      ::listen(door->socket_.get(), kBacklog) != 0) {
    return fail_system("listen at ", path.string());
  }
  return door;
}

GroupDoor::~GroupDoor() {
  std::error_code ignored;
  fs::remove(path_, ignored);
  fs::remove(path_.parent_path(), ignored);
}

void GroupDoor::add_descriptors(std::vector<pollfd>& descriptors) const {
  descriptors.push_back({socket_.get(), POLLIN, 0});
  for (const auto& [caller, guest] : guests_) {
    short events = 0;
    if (!guest.leaving && guest.unanswered < kMaxUnanswered) events |= POLLIN;
    if (!guest.outgoing.empty()) events |= POLLOUT;
    descriptors.push_back({guest.fd.get(), events, 0});
  }
}

void GroupDoor::on_ready(std::span<const pollfd> polled) {
  for (const auto& descriptor : polled) {
    if (descriptor.revents == 0) continue;
    if (descriptor.fd == socket_.get()) {
      let_in();
      continue;
    }
    const auto found = std::ranges::find_if(
        guests_, [&](const auto& entry) { return entry.second.fd.get() == descriptor.fd; });
    if (found == guests_.end()) continue;
    const auto caller = found->first;
    if (descriptor.revents & POLLOUT) write_to(caller, found->second);
    if (descriptor.revents & (POLLIN | POLLHUP | POLLERR)) listen_to(caller);
  }
}

void GroupDoor::let_in() {
  UniqueFd fd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd || user_at(fd.get()) != ::geteuid()) return;
  const auto caller = next_++;
  auto& guest = guests_[caller];
  guest.fd = std::move(fd);
  if (guests_.size() > kMaxDoorCallers) {
    refuse(caller,
           text("too many programs ask this group at once, the limit is ", kMaxDoorCallers));
  }
}

void GroupDoor::listen_to(Caller caller) {
  const auto found = guests_.find(caller);
  if (found == guests_.end()) return;
  char buffer[65536];
  const auto got = ::read(found->second.fd.get(), buffer, sizeof buffer);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0 || found->second.leaving) return throw_out(caller);
  if (!take(caller, {buffer, static_cast<std::size_t>(got)})) throw_out(caller);
}

/// False when the caller does not behave.
bool GroupDoor::take(Caller caller, std::string_view bytes) {
  guests_.at(caller).reader.feed(bytes);
  for (;;) {
    // Whoever hears a frame may throw the caller out.
    const auto found = guests_.find(caller);
    if (found == guests_.end() || found->second.leaving) return true;
    auto frame = found->second.reader.next();
    if (!frame) return false;
    if (!*frame) return true;
    const bool question = is_question((*frame)->kind);
    if (!question && (*frame)->kind != DoorKind::kOutside) return false;
    if (question && !(*frame)->payload.empty()) return false;
    if (question && ++found->second.unanswered > kMaxUnanswered) return false;
    found->second.spoke = true;
    listener_.heard(caller, std::move(**frame));
  }
}

void GroupDoor::say(Caller caller, const DoorFrame& frame) {
  const auto found = guests_.find(caller);
  if (found == guests_.end()) return;
  Guest& guest = found->second;
  guest.outgoing.append(encode(frame));
  if (frame.kind == DoorKind::kAnswer && guest.unanswered > 0) --guest.unanswered;
  if (frame.kind != DoorKind::kOutside && !guest.stuck_at) guest.stuck_at = now();
  if (frame.kind == DoorKind::kOutside && guest.outgoing.size() > kMaxUnread) {
    return throw_out(caller);
  }
  write_to(caller, guest);
}

void GroupDoor::write_to(Caller caller, Guest& guest) {
  const auto before = guest.outgoing.size();
  if (!guest.outgoing.flush(guest.fd.get())) return throw_out(caller);
  if (guest.outgoing.empty()) {
    guest.stuck_at.reset();
    if (guest.leaving) throw_out(caller);
  } else if (guest.stuck_at && guest.outgoing.size() < before) {
    guest.stuck_at = now();
  }
}

std::size_t GroupDoor::unread(Caller caller) const {
  const auto found = guests_.find(caller);
  return found == guests_.end() ? 0 : found->second.outgoing.size();
}

void GroupDoor::refuse(Caller caller, const std::string& why) {
  const auto found = guests_.find(caller);
  if (found == guests_.end()) return;
  found->second.leaving = true;
  say(caller, {DoorKind::kRefusal, why});
}

std::optional<SteadyTime> GroupDoor::tick() {
  const auto time = now();
  std::optional<SteadyTime> next;
  std::vector<Caller> stuck;
  for (const auto& [caller, guest] : guests_) {
    if (!guest.stuck_at) continue;
    const auto due = *guest.stuck_at + kPatience;
    if (due <= time) {
      stuck.push_back(caller);
    } else {
      next = next ? std::min(*next, due) : due;
    }
  }
  for (const auto caller : stuck) throw_out(caller);
  return next;
}

void GroupDoor::throw_out(Caller caller) {
  const auto found = guests_.find(caller);
  if (found == guests_.end()) return;
  const bool spoke = found->second.spoke;
  guests_.erase(found);
  if (spoke && listener_.gone) listener_.gone(caller);
}

Result<DoorCall> DoorCall::to(const std::string& group) {
  const auto path = door_path(group);
  const auto address = address_of(path);
  if (!address) return fail(address.error());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail_system("make a socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    if (errno != ENOENT && errno != ECONNREFUSED) return fail_system("call ", path.string());
    return fail(ErrorCode::kNotFound, "group ", group,
                " does not run on this host, or is just starting or ending; 'mvm list' shows the "
                "state of all");
  }
  if (user_at(fd.get()) != ::geteuid()) {
    return fail(ErrorCode::kPermission, "somebody else listens at ", path.string());
  }
  return DoorCall(std::move(fd));
}

Result<std::string> DoorCall::ask(DoorKind question, std::chrono::milliseconds patience) {
  if (auto said = say({question, {}}); !said) return fail(said.error());
  const auto until = now() + patience;
  auto frame = hear(until);
  if (!frame) return fail(frame.error());
  if (!*frame && ended_) return fail(ErrorCode::kNotFound, "the group has just ended");
  if (!*frame) {
    return fail(ErrorCode::kTimedOut, "the group has not answered within ",
                mvm::to_string(Duration(patience)));
  }
  if ((*frame)->kind == DoorKind::kRefusal) return fail(ErrorCode::kPermission, (*frame)->payload);
  if ((*frame)->kind != DoorKind::kAnswer) {
    return fail(ErrorCode::kProtocol, "the group gave something that is no answer");
  }
  return std::move((*frame)->payload);
}

Result<void> DoorCall::say(const DoorFrame& frame) {
  std::string bytes = encode(frame);
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const auto sent = ::send(fd_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) {
      // What it said before it left may still be there to hear.
      return {};
    }
    if (sent < 0) return fail_system("speak to the group");
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<std::optional<DoorFrame>> DoorCall::hear(SteadyTime until) {
  for (;;) {
    auto frame = reader_.next();
    if (!frame || *frame || ended_) return frame;
    int timeout_ms = -1;
    if (until != SteadyTime::max()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now()).count();
      timeout_ms = static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
    }
    pollfd input{fd_.get(), POLLIN, 0};
    const int ready = ::poll(&input, 1, timeout_ms);
    if (ready == 0 && until <= now()) return std::nullopt;
    if (ready <= 0) continue;
    char buffer[65536];
    const auto got = ::read(fd_.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      ended_ = true;
    } else {
      reader_.feed({buffer, static_cast<std::size_t>(got)});
    }
  }
}

}  // namespace mvm::run
