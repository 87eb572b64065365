// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include <mvm/base/result.hpp>
#include <mvm/base/unique_fd.hpp>
#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/sender_heap.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

#include "link_frame.hpp"
#include "link_session.hpp"

/// The link's ends of channels: an outlet takes what leaves for another machine, an inlet puts what
/// arrives from one. Each kind of channel has its own. All calls by the link's thread, but the
/// figures.
namespace mvm::queue {

/// Whole messages of a channel, as the link has seen them.
struct LinkTally {
  std::uint64_t passed = 0;
  std::uint64_t done = 0;
};
struct LinkCount {
  std::atomic<std::uint64_t> passed{0};  ///< outlet: sent. Inlet: arrived
  std::atomic<std::uint64_t> done{0};    ///< of them, those that the receiver's side needs no more
  [[nodiscard]] LinkTally tally() const {
    return {passed.load(std::memory_order_acquire), done.load(std::memory_order_acquire)};
  }
};

/// What a peer must not say. The link names the machine.
[[nodiscard]] std::unexpected<Error> breach(std::string_view what);
/// A queue's memory holds what no sender of ours wrote.
[[nodiscard]] std::unexpected<Error> overwritten(const Arena& arena, const ChannelRecord& channel);
[[nodiscard]] std::unexpected<Error> no_room_for_arrival();

/// A direct line's connection, held open so that it can be cut; by both ends that it carries.
using LineSocket = std::shared_ptr<UniqueFd>;

class LinkOutlet {
 public:
  LinkOutlet(std::uint32_t channel, std::uint64_t id) : channel_(channel), id_(id) {}
  LinkOutlet(const LinkOutlet&) = delete;
  LinkOutlet& operator=(const LinkOutlet&) = delete;
  virtual ~LinkOutlet() = default;

  /// One turn: some small frames, or one fragment of a large message. True when something was
  /// added. Errors: kArena when the queue was overwritten.
  [[nodiscard]] virtual Result<bool> pump(LinkSession& session) = 0;
  /// True when `pump` would do something.
  [[nodiscard]] virtual bool has_work(const LinkSession& session) = 0;
  /// kReleased, kDone, kLineEnd. Errors: kProtocol; kArena.
  [[nodiscard]] virtual Result<void> on_news(const LinkFrame& frame) = 0;
  /// The receivers there are gone, or the machine. False when that was known.
  virtual bool on_gone() {
    const bool first = !gone_;
    gone_ = true;
    return first;
  }

  /// From now on until the line ends, the task at this end carries the channel. Before anything was
  /// sent.
  virtual void on_line(const LineSocket&) {}
  /// Nothing was heard from there for too long.
  virtual void cut_line() {}

  [[nodiscard]] std::uint32_t channel() const { return channel_; }
  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] virtual LinkTally tally() const { return count_.tally(); }

 protected:
  /// Sends pieces of what is there until the turn is over. True when something was added.
  [[nodiscard]] Result<bool> send_pieces(LinkSession& session);
  /// True when the next piece of what has been chosen could go now.
  [[nodiscard]] bool could_send_piece(const LinkSession& session);
  /// Tells that nothing more will come; once.
  void tell_end(LinkSession& session);

  std::uint32_t channel_;
  std::uint64_t id_;
  bool gone_ = false;
  bool end_sent_ = false;
  LinkCount count_;

 private:
  /// Chooses what is to be sent next. False when there is nothing; then the end of the stream has
  /// been told if this is it. Errors: kArena.
  [[nodiscard]] virtual Result<bool> choose(LinkSession& session) = 0;
  /// Of the next piece of what has been chosen.
  [[nodiscard]] virtual std::uint64_t next_length() = 0;
  virtual void send_piece(LinkSession& session, std::uint64_t length) = 0;
};

class LinkInlet {
 public:
  LinkInlet(std::uint32_t channel, std::uint64_t id) : channel_(channel), id_(id) {}
  LinkInlet(const LinkInlet&) = delete;
  LinkInlet& operator=(const LinkInlet&) = delete;
  virtual ~LinkInlet() = default;

  /// kPiece, kMessage, kMore, kDrop. Errors: kProtocol; kArena when there is no memory.
  [[nodiscard]] virtual Result<void> on_data(const LinkFrame& frame,
                                             const LinkSession& session) = 0;
  /// The sender, or its machine, will send nothing more.
  virtual void on_end() = 0;
  /// Tells what the receivers here have done. True when something was added.
  virtual bool report(LinkSession& session) = 0;
  /// True when there is something to report.
  [[nodiscard]] virtual bool has_news() = 0;
  /// True when its sender may be waiting for that.
  [[nodiscard]] virtual bool is_awaited() { return true; }

  /// As for outlets.
  virtual void on_line(const LineSocket&) {}
  /// There will be none, though the other machine may believe that it stands.
  virtual void on_no_line() {}
  virtual void cut_line() {}

  [[nodiscard]] std::uint32_t channel() const { return channel_; }
  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] virtual LinkTally tally() const { return count_.tally(); }

 protected:
  /// Tells that nobody receives here any more; once.
  void tell_gone(LinkSession& session);

  std::uint32_t channel_;
  std::uint64_t id_;
  bool gone_sent_ = false;
  LinkCount count_;
};

/// How much may be at the other machine.
struct LinkCredit {
  std::uint64_t messages = 0;  ///< that are not done there
  bool competing = false;  ///< receivers of several machines, or of this one too, share the queue
  std::uint64_t outlets = 1;  ///< of the channel
};

[[nodiscard]] std::unique_ptr<LinkOutlet> make_ring_outlet(const Arena& arena,
                                                           std::uint32_t channel,
                                                           const LinkCredit& credit);
[[nodiscard]] std::unique_ptr<LinkOutlet> make_shelf_outlet(const Arena& arena,
                                                            std::uint32_t channel,
                                                            const LinkCredit& credit);
[[nodiscard]] std::unique_ptr<LinkInlet> make_ring_inlet(const Arena& arena, std::uint32_t channel,
                                                         SenderHeap& heap);
[[nodiscard]] std::unique_ptr<LinkInlet> make_shelf_inlet(const Arena& arena, std::uint32_t channel,
                                                          SenderHeap& heap);

}  // namespace mvm::queue
