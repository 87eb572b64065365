// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/line_handover.hpp>

#include <sys/socket.h>

#include <cstring>

namespace mvm::queue {
namespace {

/// No channel in this direction.
constexpr std::uint32_t kNone = 0xffffffff;

/// Room for one descriptor beside the message.
struct alignas(cmsghdr) Ancillary {
  char bytes[CMSG_SPACE(sizeof(int))] = {};
};

}  // namespace

std::optional<LinesPair> make_lines_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return {};
  return LinesPair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

bool hand_line(int pair, const LineChannels& channels, int socket) {
  std::uint32_t words[2] = {channels.out.value_or(kNone), channels.in.value_or(kNone)};
  iovec part{words, sizeof words};
  Ancillary ancillary;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.bytes;
  message.msg_controllen = sizeof ancillary.bytes;
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(rights), &socket, sizeof socket);
  return ::sendmsg(pair, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof words);
}

std::optional<HandedLine> take_line(int pair) {
  std::uint32_t words[2] = {kNone, kNone};
  iovec part{words, sizeof words};
  Ancillary ancillary;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.bytes;
  message.msg_controllen = sizeof ancillary.bytes;
  const auto got = ::recvmsg(pair, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  const cmsghdr* rights = got > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS) return {};
  int socket = -1;
  std::memcpy(&socket, CMSG_DATA(rights), sizeof socket);
  HandedLine line{.channels = {}, .socket = UniqueFd(socket)};
  if (got != static_cast<ssize_t>(sizeof words)) return {};
  if (words[0] != kNone) line.channels.out = words[0];
  if (words[1] != kNone) line.channels.in = words[1];
  return line;
}

}  // namespace mvm::queue
