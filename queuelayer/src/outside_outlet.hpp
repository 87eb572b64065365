// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/decoder.hpp>
#include <mvm/queuelayer/outside_frames.hpp>
#include <mvm/queuelayer/queue_reader.hpp>

namespace mvm::queue {

/// A port where programs outside dequeue: gives each message to one of the sessions. A message is
/// received, and its memory given back to its sender, when the program says that it is done with
/// it; so a queue's capacity counts up to there. What a session was given and leaves undone goes to
/// the next one. One thread; never blocks.
class OutsideOutlet {
 public:
  /// `self`: the endpoint of the door. `name`: the port's, for messages to people. The references
  /// must outlive it. kCodec when a codec cannot be had.
  [[nodiscard]] static Result<std::unique_ptr<OutsideOutlet>> make(const Arena& arena,
                                                                   const PortRecord& port,
                                                                   std::uint32_t self,
                                                                   std::string name);

  using Replies = std::vector<control::OutsideReply>;
  void open(const control::OutsideOpen& open, Replies& replies);
  void done(const control::OutsideDone& done);
  void leave(const control::OutsideLeave& leave);

  /// Moves what can be moved now. True when something was: call again.
  [[nodiscard]] bool step(Replies& replies);
  /// Group time at which `step` may find something by itself; or kNever.
  [[nodiscard]] std::int64_t due() const;

  [[nodiscard]] bool has(std::uint32_t session) const;

 private:
  /// One channel that arrives here.
  struct Source {
    Source(const Arena& arena, std::uint32_t channel, std::uint32_t self,
           std::unique_ptr<Decoder> codecs)
        : reader(arena, channel, self), decoder(std::move(codecs)) {}
    QueueReader reader;
    std::unique_ptr<Decoder> decoder;  ///< null: the bytes travel as they are
    std::string assembled;             ///< of a message that comes in fragments
    bool assembling = false;
  };
  /// A message that was taken and is not done.
  struct Held {
    QueueReader* reader;
    std::uint64_t cookie;
    std::string_view view;  ///< where it lies in the arena; unless `own`
    std::string own;        ///< decoded, or put together
    bool is_own = false;
    [[nodiscard]] std::string_view bytes() const { return is_own ? own : view; }
  };
  struct Session {
    std::uint32_t number;
    std::uint64_t wanted;         ///< messages that it may still be given
    std::deque<Held> held = {};   ///< given and not done, in order; the last may be sent in part
    std::uint64_t unsent = 0;     ///< bytes of the last one's record, its length included
    std::uint64_t under_way = 0;  ///< bytes of the stream sent and not done
    bool leaving = false;
    bool gone = false;
    std::string problem = {};  ///< it broke the protocol
  };

  OutsideOutlet() = default;
  [[nodiscard]] bool wants_message(const Session& session) const;
  [[nodiscard]] bool fill(Session& session, Replies& replies);
  void send_some(Session& session, std::string& stream);
  [[nodiscard]] bool take(Held& held);
  [[nodiscard]] bool take_from(Source& source, Held& held);
  [[nodiscard]] bool assemble(Source& source, const Piece& piece);
  [[nodiscard]] bool decode(Source& source, Held& held, std::uint32_t type);
  [[nodiscard]] Source* next_source();
  [[nodiscard]] bool all_ended();
  void put_back(Session& session);
  [[nodiscard]] bool end_some(Replies& replies);
  void break_off(std::string problem);

  std::string name_;
  std::vector<std::unique_ptr<Source>> sources_;
  std::size_t turn_ = 0;  ///< of the sources
  std::list<Session> sessions_;
  std::deque<Held> returned_;  ///< held by sessions that are gone: the next to be given
  std::string broken_;         ///< why nothing more can be taken; empty: it can
};

}  // namespace mvm::queue
