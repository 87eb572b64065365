// SPDX-License-Identifier: GPL-3.0-or-later
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include <mvm/base/records.hpp>
#include <mvm/base/unique_fd.hpp>

#include "arguments.hpp"
#include "complaint.hpp"
#include "port_session.hpp"
#include "record_options.hpp"
#include "verbs/verbs.hpp"

namespace mvm::cli {
namespace {

namespace control = queue::control;

/// Read ahead of what the group has admitted: enough to fill a frame.
constexpr std::size_t kReadAhead = control::kMaxText;

/// The messages in the files, one file after the other, or in standard input.
class MessageSource {
 public:
  MessageSource(std::vector<std::string> files, const RecordOptions& options)
      : files_(std::move(files)), options_(options), cutter_(options_.cutter()) {
    if (files_.empty()) files_.emplace_back("-");
  }

  /// Where to wait for more; -1 when everything was read.
  [[nodiscard]] Result<int> descriptor() {
    while (!fd_ && next_ < files_.size()) {
      name_ = files_[next_++];
      cutter_ = options_.cutter();
      fd_.reset(name_ == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                             : ::open(name_.c_str(), O_RDONLY | O_CLOEXEC));
      if (!fd_) return fail_system("open ", shown_name());
    }
    return fd_.get();
  }

  /// Reads once, and appends the whole messages that it now has to `stream`.
  [[nodiscard]] Result<void> read_into(std::string& stream) {
    char buffer[65536];
    const auto got = ::read(fd_.get(), buffer, sizeof buffer);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return {};
    if (got < 0) return fail_system("read ", shown_name());
    cutter_.feed({buffer, static_cast<std::size_t>(got)});
    for (;;) {
      auto message = cutter_.next();
      if (message && !*message && got == 0) message = cutter_.last();
      if (!message) {
        return fail(message.error().code, shown_name(), ": ", message.error().message);
      }
      if (!*message) break;
      append_record(stream, RecordFormat::kFrames, **message);
    }
    if (got == 0) fd_.reset();
    return {};
  }

 private:
  [[nodiscard]] std::string shown_name() const { return name_ == "-" ? "standard input" : name_; }

  std::vector<std::string> files_;
  std::size_t next_ = 0;
  const RecordOptions& options_;
  std::string name_;
  UniqueFd fd_;
  RecordCutter cutter_;
};

/// From a source to a port, as fast as the port takes it.
class Enqueuing {
 public:
  Enqueuing(PortSession session, MessageSource source, bool end_port)
      : session_(std::move(session)), source_(std::move(source)), end_port_(end_port) {}

  /// Until the group has everything, or wants no more. Gives the end; an error of ours otherwise.
  /// When the source fails, what was read before is enqueued still, so that `taken` is true.
  [[nodiscard]] Result<control::OutsideClosed> run() {
    for (;;) {
      auto end = session_.hear([this](const auto& reply) { return count_taken(reply); });
      if (!end) return fail(end.error());
      if (*end && failed_source_) return fail(*failed_source_);
      if (*end) return *std::move(*end);
      const int input = next_input();
      if (auto sent = send_some(); !sent) return fail(sent.error());
      if (auto left = leave_when_done(input); !left) return fail(left.error());
      const bool wants_more = unsent() < kReadAhead;
      if (!session_.wait(wants_more ? input : -1)) continue;
      if (auto read = source_.read_into(stream_); !read) failed_source_ = read.error();
    }
  }

  [[nodiscard]] std::uint64_t taken() const { return taken_; }

 private:
  /// -1 when nothing more is to be read.
  [[nodiscard]] int next_input() {
    if (failed_source_) return -1;
    const auto input = source_.descriptor();
    if (!input) failed_source_ = input.error();
    return input.value_or(-1);
  }

  [[nodiscard]] std::size_t unsent() const { return stream_.size() - sent_; }

  [[nodiscard]] Result<void> count_taken(const control::OutsideReply& reply) {
    if (const auto* done = std::get_if<control::OutsideDone>(&reply)) {
      taken_ += done->messages;
      under_way_ -= done->bytes;
    }
    return {};
  }

  [[nodiscard]] Result<void> send_some() {
    while (unsent() > 0 && under_way_ < control::kOutsideWindow.count) {
      const auto size = std::min<std::size_t>(
          {unsent(), control::kMaxText, control::kOutsideWindow.count - under_way_});
      if (auto said = session_.say(control::OutsideData{0, stream_.substr(sent_, size)}); !said) {
        return said;
      }
      sent_ += size;
      under_way_ += size;
    }
    if (unsent() == 0 || sent_ > stream_.size() / 2) {
      stream_.erase(0, sent_);
      sent_ = 0;
    }
    return {};
  }

  [[nodiscard]] Result<void> leave_when_done(int input) {
    if (input >= 0 || unsent() > 0 || leaving_) return {};
    leaving_ = true;
    return session_.say(control::OutsideLeave{0, end_port_ && !failed_source_
                                                     ? control::OutsideGoing::kEndPort
                                                     : control::OutsideGoing::kFinished});
  }

  PortSession session_;
  MessageSource source_;
  bool end_port_;
  bool leaving_ = false;
  std::optional<Error> failed_source_;
  std::string stream_;  ///< records that were read
  std::size_t sent_ = 0;
  std::uint64_t under_way_ = 0;
  std::uint64_t taken_ = 0;  ///< messages that are in the queues
};

int enqueue(const Arguments& arguments) {
  const auto options = record_options(arguments, true);
  if (!options) {
    complain("enqueue", options.error());
    return 2;
  }
  // A reader of our errors that goes away is no reason to leave messages behind.
  ::signal(SIGPIPE, SIG_IGN);
  auto session =
      PortSession::open(arguments.value("GROUP"),
                        {.port = arguments.value("PORT"), .way = control::OutsideWay::kEnqueue});
  if (!session) {
    complain("enqueue", session.error());
    return 1;
  }
  Enqueuing work(std::move(*session), MessageSource(arguments.values("FILE"), *options),
                 arguments.has("end"));
  const auto end = work.run();
  const auto error = !end ? end.error() : Error{end->code, end->message};
  if (end && end->end == control::OutsideEnd::kAsAsked) return 0;
  complain(text("mvm enqueue: ", error.message, "; ", work.taken(),
                work.taken() == 1 ? " message was taken" : " messages were taken"));
  return 1;
}

}  // namespace

Verb enqueue_verb() {
  return {
      .name = "enqueue",
      .summary = "Put messages into an open port of a running group",
      .description =
          {"Reads messages from files or standard input and puts them into a port that the profile "
           "opens: <open port=\"PORT\" to=\"JOB.PORT\"/>. When the queues behind it are full it "
           "waits, as their overflow policy says.",
           "Several programs may enqueue at one port, one after the other or together. The tasks "
           "see the end of the stream only after --end: what comes before it may come by any "
           "number of programs.",
           "It succeeds when every message is in the queue. When it is interrupted or killed, "
           "what the group had been handed stays there, and the rest was never sent; a message "
           "is there whole or not at all."},
      .positionals = {group_positional(),
                      port_positional(),
                      {.name = "FILE",
                       .help = "Read these instead of standard input; - stands for it.",
                       .kind = WordKind::kFile,
                       .required = false,
                       .repeats = true}},
      .options = with_record_options(
          {{.name = "end",
            .help = "Afterwards end the port for good: the tasks see the end of the stream."}},
          true),
      .examples = {{"seq 1000000 | mvm enqueue lab jobs --end",
                    "A message per line, then the end."},
                   {"mvm enqueue lab images a.frames b.frames --format frames",
                    "Binary messages from files."},
                   {"mvm enqueue lab jobs --end </dev/null", "Only the end."}},
      .exits = {{"0", "Every message is in the queue."},
                {"1", "The group or port is not there, is closed, or refused a message."},
                {"2", "Wrong usage."}},
      .run = enqueue,
  };
}

}  // namespace mvm::cli
