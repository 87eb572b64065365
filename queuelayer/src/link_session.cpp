// SPDX-License-Identifier: Apache-2.0
#include "link_session.hpp"

#include <algorithm>
#include <utility>

#include <mvm/queuelayer/arena_layout.hpp>

namespace mvm::queue {
namespace {

/// Frames gather in one parcel up to this length.
constexpr std::size_t kFullHead = 16 << 10;
/// Parcels that may be unacknowledged: what a long break makes a machine keep, heads only.
constexpr std::size_t kMostParcels = 1024;
/// Bytes of small frames that may be unacknowledged, beside the large payloads.
constexpr std::uint64_t kSmallWindow = 256 << 10;
/// From here on small frames are to be acknowledged at once, so that the window never closes.
constexpr std::uint64_t kSmallHurry = kSmallWindow / 4;

/// Acknowledgements that nobody waits for travel with other parcels, or after this time.
constexpr std::int64_t kAnswerDelayNs = 20'000'000;
/// A probe asks for what is missing when nothing was acknowledged for so long.
constexpr std::int64_t kFirstProbeNs = 100'000'000;
/// An idle connection is kept alive this often, or more often for short reconnect times.
constexpr std::int64_t kLongestKeepAliveNs = 1'000'000'000;
constexpr std::int64_t kShortestKeepAliveNs = 10'000'000;
constexpr std::int64_t kKeepAlivesPerReconnect = 10;
/// So many missing signs of life make a connection suspect.
constexpr std::int64_t kSuspicion = 3;
constexpr std::int64_t kClockEpochNs = 10'000'000'000;

}  // namespace

LinkSession::LinkSession(Ends ends, std::int64_t reconnect_ns, Wire wire, LinkCounters& counters)
    : ends_(ends),
      reconnect_ns_(reconnect_ns),
      keep_alive_ns_(std::clamp(reconnect_ns / kKeepAlivesPerReconnect, kShortestKeepAliveNs,
                                kLongestKeepAliveNs)),
      wire_(std::move(wire)),
      counters_(counters),
      probe_ns_(kNever),
      probe_interval_ns_(kFirstProbeNs),
      answer_by_ns_(kNever) {}

bool LinkSession::has_room() const {
  return parcels_.size() < kMostParcels && small_bytes_ + open_head_.size() < kSmallWindow;
}

bool LinkSession::could_take_bulk() const {
  return has_room() && bulk_bytes_ + kPieceBytes <= window_.bytes();
}

bool LinkSession::has_bulk_room() {
  if (could_take_bulk()) return true;
  window_.was_full();
  return false;
}

void LinkSession::add(LinkFrame frame) {
  if (open_head_.empty()) open_head_.assign(kParcelHeadBytes, '\0');
  frame.length = static_cast<std::uint32_t>(frame.payload.size());
  frame.in_tail = frame.payload.size() > kSmallPayload;
  append_frame(open_head_, frame);
  if (frame.in_tail) {
    close_parcel(frame.payload);
  } else if (open_head_.size() >= kFullHead) {
    close_parcel({});
  }
}

void LinkSession::close_parcel(std::string_view tail) {
  Parcel parcel;
  parcel.head = std::exchange(open_head_, {});
  parcel.tail = tail;
  small_bytes_ += parcel.head.size();
  bulk_bytes_ += tail.size();
  // Large payloads are timed, and the window for them is short of acknowledgements soonest.
  parcel.answer_now = std::exchange(hurry_, false) || !tail.empty() ||
                      small_bytes_ >= kSmallHurry || parcels_.size() >= kMostParcels / 4;
  parcels_.push_back(std::move(parcel));
}

bool LinkSession::flush(std::int64_t now_ns) {
  if (!open_head_.empty()) close_parcel({});
  bool sent = false;
  while (sent_until_ < first_ + parcels_.size()) {
    if (!transmit(now_ns, parcels_[sent_until_ - first_], sent_until_)) break;
    ever_sent_ = std::max(ever_sent_, ++sent_until_);
    sent = true;
  }
  return send_what_is_due(now_ns) || sent;
}

bool LinkSession::transmit(std::int64_t now_ns, Parcel& parcel, std::uint64_t sequence) {
  if (!hand_over(now_ns, parcel.head, parcel.tail, sequence, parcel.answer_now)) return false;
  parcel.sent_ns = now_ns;
  if (parcel.times_sent++ > 0) counters_.parcels_resent.fetch_add(1, std::memory_order_relaxed);
  if (probe_ns_ == kNever) probe_ns_ = now_ns + probe_after_ns();
  return true;
}

bool LinkSession::send_what_is_due(std::int64_t now_ns) {
  if (probe_now_ || now_ns >= probe_ns_) {
    if (!send_empty(now_ns, true)) return false;
    probe_now_ = false;
    if (probe_ns_ != kNever) {
      probe_ns_ = now_ns + probe_after_ns();
      probe_interval_ns_ = std::min(2 * probe_interval_ns_, kLongestKeepAliveNs);
    }
    return true;
  }
  if (answer_now_ || now_ns >= answer_by_ns_ || now_ns - last_sent_ns_ >= keep_alive_ns_) {
    return send_empty(now_ns, false);
  }
  return false;
}

bool LinkSession::send_empty(std::int64_t now_ns, bool answer_now) {
  empty_head_.assign(kParcelHeadBytes, '\0');
  return hand_over(now_ns, empty_head_, {}, sent_until_, answer_now);
}

/// Every parcel carries the newest acknowledgement, so whatever goes out settles it.
bool LinkSession::hand_over(std::int64_t now_ns, std::string& head, std::string_view tail,
                            std::uint64_t sequence, bool answer_now) {
  ParcelHead fields;
  fields.flags = static_cast<std::uint8_t>((answer_now ? kAnswerNow : 0) | (gap_ ? kGap : 0));
  fields.from = ends_.self;
  fields.to = ends_.peer;
  fields.sequence = sequence;
  fields.received = expected_;
  fields.pass = pass_;
  fields.gap_pass = gap_pass_;
  fields.sent_ns = now_ns;
  fields.tail_length = static_cast<std::uint32_t>(tail.size());
  seal_parcel(head, fields, ends_.key);
  stuck_ = !wire_(head, tail);
  if (stuck_) return false;
  counters_.parcels_sent.fetch_add(1, std::memory_order_relaxed);
  counters_.bytes_sent.fetch_add(head.size() + tail.size(), std::memory_order_relaxed);
  last_sent_ns_ = now_ns;
  answer_now_ = false;
  answer_by_ns_ = kNever;
  return true;
}

std::int64_t LinkSession::probe_after_ns() const {
  return std::max(probe_interval_ns_, 4 * window_.shortest().ns);
}

/// Numbers that an honest peer cannot say: what was never sent, or far more than it may send.
bool LinkSession::plausible(const ParcelHead& fields) const {
  return fields.from == ends_.peer && fields.to == ends_.self && fields.received <= ever_sent_ &&
         fields.sequence <= expected_ + kMostParcels;
}

std::optional<FrameReader> LinkSession::receive(std::int64_t now_ns, std::string_view head,
                                                std::string_view tail) {
  const auto fields = open_parcel(head, tail.size(), ends_.key);
  const bool has_frames = head.size() > kParcelHeadBytes;
  if (!fields || !plausible(*fields) || (!has_frames && !tail.empty())) {
    counters_.parcels_refused.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
  counters_.parcels_received.fetch_add(1, std::memory_order_relaxed);
  counters_.bytes_received.fetch_add(head.size() + tail.size(), std::memory_order_relaxed);
  on_heard(now_ns, fields->sent_ns);
  on_acknowledged(now_ns, fields->received);
  if ((fields->flags & kGap) != 0 && fields->gap_pass == pass_) go_back();
  if (!accept(now_ns, *fields, has_frames)) return {};
  return FrameReader(head.substr(kParcelHeadBytes), tail);
}

void LinkSession::on_heard(std::int64_t now_ns, std::int64_t remote_ns) {
  heard_ = true;
  heard_ns_ = now_ns;
  const auto difference = now_ns - remote_ns;
  if (now_ns - clock_epoch_ns_ >= kClockEpochNs) {
    clock_epoch_ns_ = now_ns;
    last_least_difference_ns_ = std::exchange(least_difference_ns_, {});
  }
  least_difference_ns_ = std::min(least_difference_ns_.value_or(difference), difference);
}

void LinkSession::on_acknowledged(std::int64_t now_ns, std::uint64_t received) {
  if (received <= first_) return;
  std::uint64_t bulk = 0;
  LinkWindow::RoundTrip trip;
  for (; first_ < received; ++first_) {
    const Parcel& parcel = parcels_.front();
    bulk += parcel.tail.size();
    small_bytes_ -= parcel.head.size();
    // Which of several transmissions was answered cannot be told (Karn).
    if (parcel.answer_now && parcel.times_sent == 1) {
      trip = {now_ns - parcel.sent_ns, parcel.head.size() + parcel.tail.size()};
    }
    parcels_.pop_front();
  }
  bulk_bytes_ -= bulk;
  sent_until_ = std::max(sent_until_, first_);
  window_.on_round_trip(now_ns, trip, bulk);
  probe_interval_ns_ = kFirstProbeNs;
  probe_ns_ = sent_until_ > first_ ? now_ns + probe_after_ns() : kNever;
}

/// Sends again from the first parcel that has not arrived.
void LinkSession::go_back() {
  ++pass_;
  sent_until_ = first_;
  window_.restart();
}

/// True for the next parcel of the stream.
bool LinkSession::accept(std::int64_t now_ns, const ParcelHead& fields, bool has_frames) {
  const bool asked = (fields.flags & kAnswerNow) != 0;
  answer_now_ |= asked;
  if (fields.sequence > expected_) {
    // Said once for each pass; again only when asked, because the report may have been lost.
    if (fields.pass != reported_pass_ || (asked && !has_frames)) {
      gap_ = true;
      gap_pass_ = reported_pass_ = fields.pass;
      answer_now_ = true;
    }
    return false;
  }
  if (!has_frames || fields.sequence < expected_) return false;
  gap_ = false;
  ++expected_;
  answer_by_ns_ = std::min(answer_by_ns_, now_ns + kAnswerDelayNs);
  return true;
}

void LinkSession::on_connected() {
  probe_now_ = true;
}

std::int64_t LinkSession::due_ns() const {
  const auto suspicion_ns = std::max(heard_ns_, suspected_ns_) + kSuspicion * keep_alive_ns_;
  if (stuck_) return suspicion_ns;  // the network says when it can take something
  if (probe_now_ || answer_now_) return last_sent_ns_;
  return std::min({probe_ns_, answer_by_ns_, last_sent_ns_ + keep_alive_ns_, suspicion_ns});
}

bool LinkSession::suspects(std::int64_t now_ns) {
  if (now_ns - std::max(heard_ns_, suspected_ns_) < kSuspicion * keep_alive_ns_) return false;
  suspected_ns_ = now_ns;
  return true;
}

bool LinkSession::expired(std::int64_t now_ns) const {
  return now_ns - heard_ns_ >= reconnect_ns_;
}

std::int64_t LinkSession::to_local_ns(std::int64_t remote_ns) const {
  if (remote_ns == kNever) return kNever;
  std::int64_t difference = 0;
  if (least_difference_ns_) difference = *least_difference_ns_;
  if (last_least_difference_ns_) difference = std::min(difference, *last_least_difference_ns_);
  return std::clamp(remote_ns, -kLatestNs, kLatestNs) + difference;
}

}  // namespace mvm::queue
