// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "link_frame.hpp"
#include "link_parcel.hpp"
#include "link_window.hpp"

namespace mvm::queue {

/// What passed between this machine and another. Written by the link's thread, read by any.
struct LinkCounters {
  std::atomic<std::uint64_t> bytes_sent{0};  ///< of parcels, heads and tails
  std::atomic<std::uint64_t> bytes_received{0};
  std::atomic<std::uint64_t> parcels_sent{0};  ///< those sent again included
  std::atomic<std::uint64_t> parcels_received{0};
  std::atomic<std::uint64_t> parcels_resent{0};
  std::atomic<std::uint64_t> parcels_refused{0};  ///< damaged, or out of place
  std::atomic<std::uint64_t> reconnects{0};
};

/// Makes one dependable stream of parcels in each direction out of connections that may break: no
/// parcel is lost, doubled, or out of order.
///
/// Parcels are numbered. Each says how far the other direction has arrived; the sender keeps what
/// has not, and sends it again after a break. Connections keep their order, so whoever gets a
/// parcel that is not the next one knows that those between are lost, and says so; a lost last
/// parcel is found by a probe, an empty parcel that tells the number of the next. The sender then
/// goes back to the first that is missing. Each time is a new pass, and a gap is reported for a
/// pass, so that no report is obeyed twice.
///
/// Times are the group's clock, given by the caller. Knows nothing of sockets or channels. One
/// thread.
class LinkSession {
 public:
  struct Ends {
    std::uint32_t self = 0;  ///< machines
    std::uint32_t peer = 0;
    std::uint64_t key = 0;  ///< of the group
  };
  /// Hands a parcel to the network. False when it cannot take one now; then `flush` tries again.
  using Wire = std::function<bool(std::string_view head, std::string_view tail)>;

  /// `reconnect_ns`: how long the other machine may be silent. `counters` must outlive it.
  LinkSession(Ends ends, std::int64_t reconnect_ns, Wire wire, LinkCounters& counters);

  // Sending. What is added goes out with the next `flush`.

  /// True when frames with small payloads may be added.
  [[nodiscard]] bool has_room() const;
  /// True when a frame with a large payload may be added; counts as a wish for a larger window.
  [[nodiscard]] bool has_bulk_room();
  /// The same, without a wish.
  [[nodiscard]] bool could_take_bulk() const;
  /// Adds a frame; a payload beyond kSmallPayload becomes the parcel's tail, which is not copied:
  /// it must stay mapped until it has been acknowledged, and unchanged as long as anybody cares.
  void add(LinkFrame frame);
  /// What was added last is to be acknowledged at once.
  void hurry() { hurry_ = true; }
  /// True when something was added that has not gone.
  [[nodiscard]] bool has_frames() const {
    return !open_head_.empty() || sent_until_ < first_ + parcels_.size();
  }
  /// Sends what was added, and what is due. True when something went out.
  bool flush(std::int64_t now_ns);

  // Receiving.

  /// The frames of a parcel that is the next one; nothing for any other, which is dealt with here.
  [[nodiscard]] std::optional<FrameReader> receive(std::int64_t now_ns, std::string_view head,
                                                   std::string_view tail);
  /// A new connection stands: whatever the old one lost is to be found at once.
  void on_connected();

  // Time.

  /// When `flush` has something to do though nothing was added.
  [[nodiscard]] std::int64_t due_ns() const;
  /// Nothing was heard for so long that the connection is probably dead; true once in a while.
  [[nodiscard]] bool suspects(std::int64_t now_ns);
  /// Nothing was heard for the whole time that a break may last.
  [[nodiscard]] bool expired(std::int64_t now_ns) const;
  /// When that would be.
  [[nodiscard]] std::int64_t expires_ns() const { return heard_ns_ + reconnect_ns_; }
  [[nodiscard]] bool heard() const { return heard_; }
  /// Begins to count silence from now.
  void expect_life(std::int64_t now_ns) { heard_ns_ = now_ns; }

  /// A time of the other machine's group clock in this machine's. Late by the time that the
  /// quickest parcel takes. kNever stays kNever.
  [[nodiscard]] std::int64_t to_local_ns(std::int64_t remote_ns) const;

  /// Everything that was added has arrived.
  [[nodiscard]] bool all_acknowledged() const { return open_head_.empty() && parcels_.empty(); }
  /// Bytes of large payloads that were sent and not acknowledged.
  [[nodiscard]] std::uint64_t bulk_under_way() const { return bulk_bytes_; }
  [[nodiscard]] const LinkWindow& window() const { return window_; }

 private:
  struct Parcel {
    std::string head;
    std::string_view tail;
    std::int64_t sent_ns = 0;
    std::uint32_t times_sent = 0;
    bool answer_now = false;
  };

  void close_parcel(std::string_view tail);
  bool transmit(std::int64_t now_ns, Parcel& parcel, std::uint64_t sequence);
  bool send_empty(std::int64_t now_ns, bool answer_now);
  bool send_what_is_due(std::int64_t now_ns);
  bool hand_over(std::int64_t now_ns, std::string& head, std::string_view tail,
                 std::uint64_t sequence, bool answer_now);
  [[nodiscard]] bool plausible(const ParcelHead& fields) const;
  void on_heard(std::int64_t now_ns, std::int64_t remote_ns);
  void on_acknowledged(std::int64_t now_ns, std::uint64_t received);
  void go_back();
  [[nodiscard]] bool accept(std::int64_t now_ns, const ParcelHead& fields, bool has_frames);
  [[nodiscard]] std::int64_t probe_after_ns() const;

  Ends ends_;
  std::int64_t reconnect_ns_;
  std::int64_t keep_alive_ns_;
  Wire wire_;
  LinkCounters& counters_;

  // Sending.
  std::string open_head_;  ///< gathers frames; empty when there are none
  bool hurry_ = false;
  std::deque<Parcel> parcels_;    ///< not acknowledged; the first is number `first_`
  std::uint64_t first_ = 0;       ///< all before it were acknowledged
  std::uint64_t sent_until_ = 0;  ///< all before it were handed over in this pass
  std::uint64_t ever_sent_ = 0;   ///< all before it were handed over in some pass
  bool stuck_ = false;            ///< the network took nothing more when last asked
  std::uint64_t small_bytes_ = 0;
  std::uint64_t bulk_bytes_ = 0;
  std::uint32_t pass_ = 0;
  LinkWindow window_;
  std::string empty_head_;
  std::int64_t last_sent_ns_ = 0;
  std::int64_t probe_ns_;           ///< when to ask what has arrived
  std::int64_t probe_interval_ns_;  ///< doubles while there is no progress
  bool probe_now_ = true;           ///< the first thing said, and after each break

  // Receiving.
  std::uint64_t expected_ = 0;
  std::uint32_t reported_pass_ = ~0u;  ///< of the last gap reported
  bool gap_ = false;
  std::uint32_t gap_pass_ = 0;
  bool answer_now_ = false;
  std::int64_t answer_by_ns_;
  bool heard_ = false;
  std::int64_t heard_ns_ = 0;
  std::int64_t suspected_ns_ = 0;

  // The other clock: the least difference seen in this epoch and in the one before.
  std::int64_t clock_epoch_ns_ = 0;
  std::optional<std::int64_t> least_difference_ns_;
  std::optional<std::int64_t> last_least_difference_ns_;
};

}  // namespace mvm::queue
