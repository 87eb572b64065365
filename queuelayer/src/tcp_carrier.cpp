// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <string>

#include <mvm/base/clock.hpp>

#include "carrier.hpp"
#include "direct_connection.hpp"
#include "link_socket_folder.hpp"
#include "socket_address.hpp"

namespace mvm::queue {
namespace {

using std::chrono::milliseconds;

/// A connection that has not opened by then is closed: a connect that nobody answers, a stranger
/// who says nothing.
constexpr milliseconds kOpeningLimit{2000};
/// Connections that have not opened yet. Above that the eldest goes, so that strangers cannot keep
/// the group's own machines out for long, or fill memory.
constexpr std::size_t kMostNewcomers = 32;
/// A lost connection is tried again after the first, and then each time twice as late.
constexpr milliseconds kFirstRetry{5};
constexpr milliseconds kLastRetry{250};

/// Parcels over sockets of our own, without a library's threads in between, for channels whose
/// latency counts: one connection to each other machine, which the machine of the higher number
/// makes. Over TCP with TLS 1.3, whose key proves that both belong to the group, and which ends
/// after the handshake where the network is trusted; or over unix sockets, whose other end must
/// belong to the same user.
struct TcpCarrier : Carrier {
  [[nodiscard]] bool send(std::uint32_t machine, std::string_view head,
                          std::string_view tail) override;
  void flush() override;
  bool receive(Listener& listener) override;
  [[nodiscard]] bool has_news() const override;
  void reconnect(std::uint32_t machine) override;
  void ask_for_line(std::uint32_t machine, std::uint64_t channel) override;
  [[nodiscard]] bool asks_for_lines() const override;
  void forget_name() override;
  [[nodiscard]] std::uint64_t refused() const override;

  /// A machine of a lower number, to which this one connects.
  struct Lower {
    SocketAddress address;
    std::optional<SteadyTime> retry_at;  ///< nothing while a connection is there or opens
    milliseconds retry_after = kFirstRetry;
    std::deque<std::uint64_t> lines;  ///< to be asked for, one after the other
    bool asks = false;                ///< for one, now
  };
  using Connections = std::list<DirectConnection>;

  std::uint32_t self = 0;
  std::set<std::uint32_t> higher;
  std::map<std::uint32_t, Lower> lower;
  std::unique_ptr<TlsKey> key;  ///< null on unix sockets
  LinkSocketFolder folder;
  UniqueFd bound;
  UniqueFd timer;
  LinkWatcher* watcher = nullptr;
  Connections opening;
  std::map<std::uint32_t, Connections> open;  ///< one in each
  std::atomic<bool> news{true};               ///< of connections
  std::atomic<bool> chores{true};             ///< somebody knocks, or it is time for something
  std::optional<SteadyTime> timer_due;        ///< for which the timer is set
  std::atomic<std::uint64_t> refusals{0};

  [[nodiscard]] Result<void> bind(const std::string& endpoint);
  void do_chores();
  void accept_some();
  void begin(std::uint32_t machine, Lower& to);
  void begin_lines(Listener& listener);
  [[nodiscard]] bool begin_line(std::uint32_t machine, const Lower& to);
  void settle_line(Connections::iterator connection, Listener& listener);
  void end_opening(Connections::iterator connection, Listener& listener);
  void begin_what_is_due();
  void watch(const DirectConnection& connection);
  void advance_opening(Listener& listener);
  void settle(Connections::iterator connection, Listener& listener);
  [[nodiscard]] bool advance_open(Listener& listener);
  [[nodiscard]] int read(DirectConnection& connection, std::uint32_t machine, Listener& listener);
  void lost(std::uint32_t machine);
  void drop_eldest();
  void set_timer();
};

Result<void> TcpCarrier::bind(const std::string& endpoint) {
  const auto address = SocketAddress::resolve(endpoint);
  if (!address) return fail(address.error());
  for (int attempt = 1;; ++attempt) {
    if (auto made = folder.make(endpoint); !made) return made;
    bound = address->open_socket();
    const int yes = 1;
    ::setsockopt(bound.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (::bind(bound.get(), address->generic(), address->length) == 0 &&
        ::listen(bound.get(), SOMAXCONN) == 0) {
      break;
    }
    if (errno == ENOENT && attempt < kBindAttempts) continue;
    const auto problem = system_error(text("link machines at ", endpoint));
    return fail(ErrorCode::kTransport, problem.message);
  }
  return watcher->watch(bound.get(), LinkWatcher::For::kReading, chores);
}

bool TcpCarrier::has_news() const {
  return news.load(std::memory_order_acquire) || chores.load(std::memory_order_acquire);
}

bool TcpCarrier::send(std::uint32_t machine, std::string_view head, std::string_view tail) {
  const auto found = open.find(machine);
  if (found == open.end() || !found->second.front().can_send()) return false;
  found->second.front().send(head, tail);
  return true;
}

void TcpCarrier::flush() {
  for (auto& [machine, place] : open) place.front().flush();
}

bool TcpCarrier::receive(Listener& listener) {
  const bool has_chores = chores.exchange(false, std::memory_order_acq_rel);
  if (!news.exchange(false, std::memory_order_acq_rel) && !has_chores) return false;
  if (has_chores) do_chores();
  begin_lines(listener);
  advance_opening(listener);
  const bool moved = advance_open(listener);
  set_timer();
  return moved;
}

void TcpCarrier::do_chores() {
  std::uint64_t ticks = 0;
  [[maybe_unused]] const auto got = ::read(timer.get(), &ticks, sizeof ticks);
  timer_due.reset();
  accept_some();
  begin_what_is_due();
}

/// As many at once as may wait: in a flood of strangers the others have their turn in between.
void TcpCarrier::accept_some() {
  for (std::size_t i = 0; bound; ++i) {
    if (i == kMostNewcomers) return chores.store(true, std::memory_order_relaxed);
    UniqueFd socket(::accept4(bound.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) return;
    send_without_delay(socket.get());
    if (opening.size() >= kMostNewcomers) drop_eldest();
    opening.emplace_back(std::move(socket), DirectConnection::Side::kAccepts, key.get(), self,
                         std::nullopt);
    watch(opening.back());
  }
}

/// Of the strangers, not of those that this machine connects to.
void TcpCarrier::drop_eldest() {
  const auto eldest = std::find_if(opening.begin(), opening.end(), [](const auto& connection) {
    return connection.side() == DirectConnection::Side::kAccepts;
  });
  if (eldest == opening.end()) return;
  opening.erase(eldest);
  refusals.fetch_add(1, std::memory_order_relaxed);
}

void TcpCarrier::begin_what_is_due() {
  for (auto& [machine, to] : lower) {
    if (to.retry_at && now() >= *to.retry_at) begin(machine, to);
  }
}

void TcpCarrier::begin(std::uint32_t machine, Lower& to) {
  to.retry_at.reset();
  auto socket = to.address.open_socket();
  if (!socket || (::connect(socket.get(), to.address.generic(), to.address.length) != 0 &&
                  errno != EINPROGRESS)) {
    return lost(machine);
  }
  opening.emplace_back(std::move(socket), DirectConnection::Side::kConnects, key.get(), self,
                       machine);
  watch(opening.back());
}

/// One at a time for each machine, so that they do not take the places of others who knock there.
void TcpCarrier::begin_lines(Listener& listener) {
  for (auto& [machine, to] : lower) {
    while (!to.asks && !to.lines.empty()) {
      if (begin_line(machine, to)) {
        to.asks = true;
      } else {
        listener.on_no_line(machine, to.lines.front());
        to.lines.pop_front();
      }
    }
  }
}

bool TcpCarrier::begin_line(std::uint32_t machine, const Lower& to) {
  auto socket = to.address.open_socket();
  if (!socket || (::connect(socket.get(), to.address.generic(), to.address.length) != 0 &&
                  errno != EINPROGRESS)) {
    return false;
  }
  opening.emplace_back(std::move(socket), DirectConnection::Side::kConnects, key.get(), self,
                       machine, to.lines.front());
  watch(opening.back());
  return true;
}

/// A connection that cannot be watched is closed at its time limit.
void TcpCarrier::watch(const DirectConnection& connection) {
  [[maybe_unused]] const auto watched =
      watcher->watch(connection.descriptor(), LinkWatcher::For::kReadingAndWriting, news);
}

void TcpCarrier::advance_opening(Listener& listener) {
  for (auto next = opening.begin(); next != opening.end();) {
    const auto connection = next++;
    const auto state = connection->advance();
    if (state == DirectConnection::State::kOpen) {
      settle(connection, listener);
      continue;
    }
    const bool too_late = now() - connection->since() >= kOpeningLimit;
    if (state == DirectConnection::State::kOpening && !too_late) continue;
    const bool ours = connection->side() == DirectConnection::Side::kConnects;
    if (state == DirectConnection::State::kRefused || !ours) {
      refusals.fetch_add(1, std::memory_order_relaxed);
    }
    end_opening(connection, listener);
  }
}

/// It did not open.
void TcpCarrier::end_opening(Connections::iterator connection, Listener& listener) {
  const bool ours = connection->side() == DirectConnection::Side::kConnects;
  const auto machine = ours ? connection->peer() : self;
  const auto line = connection->line();
  opening.erase(connection);
  if (!ours) return;
  if (!line) return lost(machine);
  lower[machine].lines.pop_front();
  lower[machine].asks = false;
  chores.store(true, std::memory_order_relaxed);
  listener.on_no_line(machine, *line);
}

/// A line stands, or is asked for.
void TcpCarrier::settle_line(Connections::iterator connection, Listener& listener) {
  const auto machine = connection->peer();
  const auto channel = *connection->line();
  const bool asked = connection->side() == DirectConnection::Side::kAccepts;
  if (asked && !(higher.contains(machine) && listener.wants_line(machine, channel))) {
    refusals.fetch_add(1, std::memory_order_relaxed);
    return end_opening(connection, listener);
  }
  if (!asked) {
    lower[machine].lines.pop_front();
    lower[machine].asks = false;
    chores.store(true, std::memory_order_relaxed);
  }
  watcher->forget(connection->descriptor());
  auto socket = connection->take_socket();
  opening.erase(connection);
  // Granted last: the tasks may begin as soon as the other machine has heard it.
  const UniqueFd answering(asked ? ::dup(socket.get()) : -1);
  listener.on_line(machine, channel, std::move(socket));
  if (asked) DirectConnection::grant_line(answering.get());
}

/// A machine is here: over a new connection, which takes the place of the one before.
void TcpCarrier::settle(Connections::iterator connection, Listener& listener) {
  if (connection->line()) return settle_line(connection, listener);
  const auto machine = connection->peer();
  if (connection->side() == DirectConnection::Side::kConnects) {
    lower[machine].retry_after = kFirstRetry;
  } else if (!higher.contains(machine)) {
    opening.erase(connection);
    refusals.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  auto& place = open[machine];
  place.clear();
  place.splice(place.begin(), opening, connection);
  listener.on_connected(machine);
}

bool TcpCarrier::advance_open(Listener& listener) {
  bool moved = false;
  for (auto next = open.begin(); next != open.end();) {
    const auto [machine, place] = std::pair(next->first, next);
    ++next;
    auto& connection = place->second.front();
    const bool could_send = connection.can_send();
    const int parcels = read(connection, machine, listener);
    if (parcels >= kParcelsPerLook) news.store(true, std::memory_order_relaxed);
    moved |= parcels > 0 || (!could_send && connection.can_send());
    if (connection.state() == DirectConnection::State::kOpen) continue;
    if (connection.state() == DirectConnection::State::kRefused) {
      refusals.fetch_add(1, std::memory_order_relaxed);
    }
    open.erase(place);
    if (lower.contains(machine)) lost(machine);
  }
  return moved;
}

/// Reads until nothing is there, or enough for one look.
int TcpCarrier::read(DirectConnection& connection, std::uint32_t machine, Listener& listener) {
  int parcels = 0;
  for (int before = -1; before != parcels && parcels < kParcelsPerLook;) {
    before = parcels;
    connection.advance();
    while (const auto parcel = connection.next()) {
      listener.on_parcel(machine, parcel->head, parcel->tail);
      ++parcels;
    }
  }
  return parcels;
}

/// Tries again after a while.
void TcpCarrier::lost(std::uint32_t machine) {
  auto& to = lower[machine];
  to.retry_at = now() + to.retry_after;
  to.retry_after = std::min(2 * to.retry_after, kLastRetry);
}

/// The next time at which something is to be done without an event.
void TcpCarrier::set_timer() {
  std::optional<SteadyTime> due;
  const auto consider = [&due](SteadyTime at) { due = due ? std::min(*due, at) : at; };
  for (const auto& connection : opening) consider(connection.since() + kOpeningLimit);
  for (const auto& [machine, to] : lower) {
    if (to.retry_at) consider(*to.retry_at);
  }
  if (due == timer_due) return;
  timer_due = due;
  itimerspec setting{};
  if (due) {
    const auto left = std::max<std::chrono::nanoseconds>(*due - now(), milliseconds(1));
    setting.it_value.tv_sec = left.count() / 1'000'000'000;
    setting.it_value.tv_nsec = left.count() % 1'000'000'000;
  }
  ::timerfd_settime(timer.get(), 0, &setting, nullptr);
}

void TcpCarrier::reconnect(std::uint32_t machine) {
  if (open.erase(machine) == 0 || !lower.contains(machine)) return;
  lower[machine].retry_at = now();
  chores.store(true, std::memory_order_relaxed);
}

void TcpCarrier::ask_for_line(std::uint32_t machine, std::uint64_t channel) {
  lower[machine].lines.push_back(channel);
  chores.store(true, std::memory_order_relaxed);
}

bool TcpCarrier::asks_for_lines() const {
  return std::ranges::any_of(lower, [](const auto& each) { return !each.second.lines.empty(); });
}

void TcpCarrier::forget_name() {
  folder.remove();
}

std::uint64_t TcpCarrier::refused() const {
  return refusals.load(std::memory_order_relaxed);
}

}  // namespace

Result<std::unique_ptr<Carrier>> open_tcp_carrier(const WiringPlan& plan,
                                                  const std::set<std::uint32_t>& partners,
                                                  LinkWatcher& watcher) {
  auto carrier = std::make_unique<TcpCarrier>();
  carrier->self = plan.machine;
  carrier->watcher = &watcher;
  const auto& own = plan.machines[plan.machine].direct;
  if (socket_path(own).empty()) {
    if (plan.secret.empty()) {
      return fail(ErrorCode::kInvalidPlan, "direct links over ", own, " need the group's secret");
    }
    auto key = TlsKey::make(
        plan.secret, plan.trusted_network ? TlsKey::Use::kOnlyProves : TlsKey::Use::kEncrypts);
    if (!key) return fail(key.error());
    carrier->key = std::move(*key);
  }
  carrier->timer.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!carrier->timer) return fail(system_error("make the timer of the direct links"));
  if (auto watched =
          watcher.watch(carrier->timer.get(), LinkWatcher::For::kReading, carrier->chores);
      !watched) {
    return fail(watched.error());
  }
  for (const auto machine : partners) {
    if (machine > plan.machine) {
      carrier->higher.insert(machine);
      continue;
    }
    auto address = SocketAddress::resolve(plan.machines[machine].direct);
    if (!address) return fail(address.error());
    carrier->lower[machine] = {.address = *address, .retry_at = now(), .lines = {}};
  }
  if (!carrier->higher.empty()) {
    if (auto bound = carrier->bind(own); !bound) return fail(bound.error());
  }
  return carrier;
}

}  // namespace mvm::queue
