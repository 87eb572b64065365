// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/line_handover.hpp>

#include <sys/socket.h>

#include <cstring>

namespace mvm::queue {
namespace {

/// No channel in this direction.
constexpr std::uint32_t kNone = 0xffffffff;

/// The two channels, with room for one descriptor beside them.
struct Packet {
  Packet() {
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = ancillary;
    message.msg_controllen = sizeof ancillary;
  }
  Packet(const Packet&) = delete;
  Packet& operator=(const Packet&) = delete;

  std::uint32_t words[2] = {kNone, kNone};
  iovec part{words, sizeof words};
  alignas(cmsghdr) char ancillary[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
};

}  // namespace

std::optional<LinesPair> make_lines_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return {};
  return LinesPair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

bool hand_line(int pair, const LineChannels& channels, int socket) {
  Packet packet;
  packet.words[0] = channels.out.value_or(kNone);
  packet.words[1] = channels.in.value_or(kNone);
  cmsghdr* rights = CMSG_FIRSTHDR(&packet.message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(rights), &socket, sizeof socket);
  return ::sendmsg(pair, &packet.message, MSG_NOSIGNAL) ==
         static_cast<ssize_t>(sizeof packet.words);
}

std::optional<HandedLine> take_line(int pair) {
  Packet packet;
  const auto got = ::recvmsg(pair, &packet.message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  const cmsghdr* rights = got > 0 ? CMSG_FIRSTHDR(&packet.message) : nullptr;
  if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS) return {};
  int socket = -1;
  std::memcpy(&socket, CMSG_DATA(rights), sizeof socket);
  HandedLine line{.channels = {}, .socket = UniqueFd(socket)};
  if (got != static_cast<ssize_t>(sizeof packet.words)) return {};
  if (packet.words[0] != kNone) line.channels.out = packet.words[0];
  if (packet.words[1] != kNone) line.channels.in = packet.words[1];
  return line;
}

}  // namespace mvm::queue
