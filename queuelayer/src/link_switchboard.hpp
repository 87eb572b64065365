// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/channel_ends.hpp>
#include <mvm/queuelayer/machine_link.hpp>
#include <mvm/queuelayer/sender_heap.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

#include "line_choice.hpp"
#include "link_channel.hpp"
#include "link_peers.hpp"

namespace mvm::queue {

/// The link's ends of all channels, and to which peer each belongs: gives every channel its turn,
/// and every frame to the channel that it speaks of. All calls by the link's thread, but `figures`.
class LinkSwitchboard : public LinkPeers::LineDesk {
 public:
  /// One inlet for each channel that arrives here, one outlet for each other machine that a channel
  /// leaves for. Everything given must outlive it.
  /// `tasks`: of each task that may have direct lines, the socket over which it takes them.
  LinkSwitchboard(const WiringPlan& plan, const Arena& arena, LinkPeers& peers, ChannelEnds& ends,
                  std::map<std::uint32_t, UniqueFd> tasks);

  /// Asks the machines of lower numbers for the direct lines that tasks here can have. Once, when
  /// all peers were heard.
  void ask_for_lines();
  /// The tasks begin: no line is handed over any more.
  void end_handing_over() { tasks_.clear(); }
  [[nodiscard]] bool hands_over() const { return !tasks_.empty(); }
  /// The peer has been silent for too long, so its direct lines may be dead as well.
  void cut_lines(const LinkPeer& peer);
  bool wants_line(const LinkPeer& peer, std::uint64_t name) override;
  void on_line(const LinkPeer& peer, std::uint64_t name, UniqueFd socket) override;
  void on_no_line(const LinkPeer& peer, std::uint64_t name) override;

  /// Gives every outlet its turn. True when something moved. Errors: kArena.
  [[nodiscard]] Result<bool> pump();
  /// Tells the peers what the receivers here have done, at group time `now_ns`: at once where a
  /// sender may wait for it or other frames go there, else after a while. True when something was
  /// added.
  bool report(std::int64_t now_ns);
  /// When `report` has something to tell by then.
  [[nodiscard]] std::int64_t next_due_ns() const;
  /// True when `pump` or `report` would do something.
  [[nodiscard]] bool has_work();
  /// True when the peer has been told everything that the receivers here have done.
  [[nodiscard]] bool all_told(const LinkPeer& peer);

  /// Everything that a parcel says. Errors: kProtocol, naming the machine; kArena.
  [[nodiscard]] Result<void> on_frames(LinkPeer& peer, FrameReader& frames);
  /// Nothing more will pass between this machine and the peer.
  void end_streams(const LinkPeer& peer);

  /// Any thread.
  [[nodiscard]] std::vector<LinkFigures::Channel> figures() const;

 private:
  template <typename End>
  struct Line {
    std::unique_ptr<End> end;
    LinkPeer* peer;
  };

  void add_inlet(const Arena& arena, const ChannelSpec& spec, std::uint32_t channel);
  void add_outlets(const Arena& arena, const ChannelSpec& spec, std::uint32_t channel);

  [[nodiscard]] Result<void> on_frame(LinkPeer& peer, const LinkFrame& frame);
  [[nodiscard]] Result<void> on_data(const LinkPeer& peer, const LinkFrame& frame);
  [[nodiscard]] Result<void> on_news(const LinkPeer& peer, const LinkFrame& frame);
  [[nodiscard]] LinkInlet* find_inlet(const LinkPeer& peer, std::uint64_t channel);
  [[nodiscard]] LinkOutlet* find_outlet(const LinkPeer& peer, std::uint64_t channel);
  void receivers_gone(LinkOutlet& outlet);
  /// Null where the peer's machine is not the line's, or it cannot be handed over.
  [[nodiscard]] const LineChoice* find_line(const LinkPeer& peer, std::uint64_t name) const;
  [[nodiscard]] LinkInlet* inlet_of(const LineChoice& line);
  [[nodiscard]] LinkOutlet* outlet_of(const LineChoice& line);

  std::uint32_t machine_;  ///< this one
  const Arena& arena_;
  std::vector<LineChoice> lines_;  ///< that tasks here can have
  std::map<std::uint32_t, UniqueFd> tasks_;
  LinkPeers& peers_;
  ChannelEnds& ends_;
  SenderHeap heap_;  ///< of the link's endpoint
  std::vector<Line<LinkInlet>> inlets_;
  std::vector<std::int64_t> report_by_ns_;  ///< of each: what its receivers did is told by then
  std::vector<Line<LinkOutlet>> outlets_;
  std::unordered_map<std::uint64_t, std::size_t> inlet_of_;  ///< by channel id
  std::unordered_map<std::uint64_t, std::vector<std::size_t>> outlets_of_;
  std::size_t turn_ = 0;  ///< the outlet that goes first
};

}  // namespace mvm::queue
