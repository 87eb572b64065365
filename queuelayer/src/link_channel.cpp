// SPDX-License-Identifier: Apache-2.0
#include "link_channel.hpp"

namespace mvm::queue {
namespace {

/// Small frames of one channel in one turn.
constexpr int kFramesPerTurn = 32;

}  // namespace

std::unexpected<Error> breach(std::string_view what) {
  return fail(ErrorCode::kProtocol, what);
}

std::unexpected<Error> overwritten(const Arena& arena, const ChannelRecord& channel) {
  return fail(ErrorCode::kArena, "the queue from ", arena.words(channel.sender_words),
              " was overwritten by some task of this group");
}

std::unexpected<Error> no_room_for_arrival() {
  return fail(ErrorCode::kArena, "no room for a message that arrived");
}

Result<bool> LinkOutlet::send_pieces(LinkSession& session) {
  bool moved = false;
  for (int frames = 0; frames < kFramesPerTurn && session.has_room(); ++frames) {
    auto chosen = choose(session);
    if (!chosen) return chosen;
    if (!*chosen) break;
    const auto length = next_length();
    const bool bulk = length > kSmallPayload;
    if (bulk && !session.has_bulk_room()) break;
    send_piece(session, length);
    moved = true;
    if (bulk) break;
  }
  return moved;
}

bool LinkOutlet::could_send_piece(const LinkSession& session) {
  return next_length() <= kSmallPayload || session.could_take_bulk();
}

void LinkOutlet::tell_end(LinkSession& session) {
  if (end_sent_) return;
  end_sent_ = true;
  session.add({.kind = LinkKind::kEnd, .channel = id_});
}

void LinkInlet::tell_gone(LinkSession& session) {
  if (gone_sent_) return;
  gone_sent_ = true;
  session.add({.kind = LinkKind::kGone, .channel = id_});
}

}  // namespace mvm::queue
