// SPDX-License-Identifier: GPL-3.0-or-later
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <string>

#include <mvm/base/records.hpp>
#include <mvm/base/unique_fd.hpp>
#include <mvm/run/group_outcome.hpp>

#include "arguments.hpp"
#include "complaint.hpp"
#include "port_session.hpp"
#include "record_options.hpp"
#include "verbs/verbs.hpp"

namespace mvm::cli {
namespace {

namespace control = queue::control;

/// The first SIGINT or SIGTERM asks to leave in good order, and can be polled for; the second one
/// ends this program as it ends any: it may be writing to somebody who does not read.
int leave_request() {
  static int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return -1;
  struct sigaction action{};
  action.sa_handler = [](int) {
    const int before = errno;
    [[maybe_unused]] const auto written = ::write(ends[1], "", 1);
    errno = before;
  };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
  return ends[0];
}

/// Where messages go, and which of them have wholly gone there.
class MessageSink {
 public:
  MessageSink(UniqueFd fd, RecordFormat format) : fd_(std::move(fd)), format_(format) {}

  void add(std::string_view message) {
    append_record(stream_, format_, message);
    ends_.push_back(stream_.size());
  }

  /// Writes all that was added; may block. False when nobody takes it: then some of it may be gone.
  [[nodiscard]] bool write() {
    while (written_ < stream_.size()) {
      const auto went = ::write(fd_.get(), stream_.data() + written_, stream_.size() - written_);
      if (went < 0 && errno == EINTR) continue;
      if (went < 0) return false;
      written_ += static_cast<std::size_t>(went);
    }
    return true;
  }

  /// Messages that are written, since the last call.
  [[nodiscard]] std::uint64_t take_written() {
    std::uint64_t messages = 0;
    while (!ends_.empty() && ends_.front() <= written_) {
      ends_.pop_front();
      ++messages;
    }
    if (ends_.empty()) {
      stream_.clear();
      written_ = 0;
    }
    return messages;
  }

 private:
  UniqueFd fd_;
  RecordFormat format_;
  std::string stream_;
  std::size_t written_ = 0;
  std::deque<std::size_t> ends_;  ///< of the messages, in `stream_`
};

/// From a port to a sink. The group keeps each message until it hears that it is written.
class Dequeuing {
 public:
  Dequeuing(PortSession session, MessageSink sink, int leave)
      : session_(std::move(session)), sink_(std::move(sink)), leave_(leave) {}

  /// Until the stream ends. Gives the end; an error of ours otherwise.
  [[nodiscard]] Result<control::OutsideClosed> run() {
    for (;;) {
      auto end = session_.hear([this](const auto& reply) { return take(reply); });
      if (!end) return fail(end.error());
      if (*end) return *std::move(*end);
      if (!session_.wait(leaving_ ? -1 : leave_)) continue;
      leaving_ = true;
      if (auto said = session_.say(control::OutsideLeave{}); !said) return fail(said.error());
    }
  }

  [[nodiscard]] bool left() const { return leaving_; }
  [[nodiscard]] std::uint64_t written() const { return written_; }

 private:
  [[nodiscard]] Result<void> take(const control::OutsideReply& reply) {
    const auto* data = std::get_if<control::OutsideData>(&reply);
    if (data == nullptr) return {};
    cutter_.feed(data->bytes);
    for (;;) {
      const auto message = cutter_.next();
      if (!message) return fail(message.error());
      if (!*message) break;
      sink_.add(**message);
    }
    const bool all = sink_.write();
    const auto error = errno;
    const auto messages = sink_.take_written();
    written_ += messages;
    // What was not written goes back to the group, for the next one who dequeues.
    if (auto said = session_.say(control::OutsideDone{0, messages, all ? data->bytes.size() : 0});
        !said) {
      return said;
    }
    if (all) return {};
    if (error == EPIPE) return fail(ErrorCode::kClosed, "nobody reads the messages any more");
    errno = error;
    return fail_system("write the messages");
  }

  PortSession session_;
  MessageSink sink_;
  int leave_;
  bool leaving_ = false;
  RecordCutter cutter_{RecordFormat::kFrames, queue::kMaxMessage};
  std::uint64_t written_ = 0;
};

Result<UniqueFd> open_sink(const std::string& file) {
  UniqueFd fd(file.empty() || file == "-"
                  ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                  : ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!fd) return fail_system("open ", file.empty() ? "standard output" : file);
  return fd;
}

/// What the end means to who asked.
int judge(const control::OutsideClosed& end, const Dequeuing& work, std::uint64_t wanted) {
  if (end.end == control::OutsideEnd::kRefused) {
    complain(text("mvm dequeue: ", end.message));
    return 1;
  }
  if (work.left()) return run::exit_status::kInterrupted;
  if (wanted == 0 || work.written() == wanted) return 0;
  complain(
      text("mvm dequeue: ", end.message, " after ", work.written(), " of ", wanted, " messages"));
  return 1;
}

int dequeue(const Arguments& arguments) {
  const auto options = record_options(arguments, false);
  if (!options) {
    complain("dequeue", options.error());
    return 2;
  }
  const auto wanted = std::strtoull(arguments.value("count").c_str(), nullptr, 10);
  if (arguments.has("count") && wanted == 0) return 0;
  ::signal(SIGPIPE, SIG_IGN);
  const int leave = leave_request();
  auto session = PortSession::open(
      arguments.value("GROUP"),
      {.port = arguments.value("PORT"), .way = control::OutsideWay::kDequeue, .limit = wanted});
  auto sink = session ? open_sink(arguments.value("FILE")) : fail(session.error());
  if (!sink) {
    complain("dequeue", sink.error());
    return 1;
  }
  Dequeuing work(std::move(*session), MessageSink(std::move(*sink), options->format), leave);
  const auto end = work.run();
  if (end) return judge(*end, work, wanted);
  // `mvm dequeue … | head` is no reason for words.
  if (end.error().code != ErrorCode::kClosed) complain("dequeue", end.error());
  return 1;
}

}  // namespace

Verb dequeue_verb() {
  return {
      .name = "dequeue",
      .summary = "Take messages out of an open port of a running group",
      .description =
          {"Receives at a port that the profile opens, <open port=\"PORT\" from=\"JOB.PORT\"/>, "
           "and "
           "writes the messages to standard output or a file, until every task that sends there "
           "has ended. A message counts as received when it is written; until then it takes room "
           "in its queue, so tasks wait for a slow reader as for a slow task.",
           "Several programs may dequeue at one port: each message goes to one of them. The "
           "first SIGINT (Ctrl-C) or SIGTERM writes what this program was given, and nothing is "
           "lost. When it is killed, or its output is closed, what it had not written goes back to "
           "the group, for the next one; messages that a killed program wrote in its last "
           "moment, 256 KiB at most, may be given again.",
           "When the tasks of the group have ended, it stays for the programs that dequeue to get "
           "the rest. Where none does, messages wait for one, for the time that the profile names: "
           "<open port=\"PORT\" from=\"JOB.PORT\" linger=\"10s\"/>. What nobody takes by then "
           "is left in the queue, and counted in the summary."},
      .positionals = {group_positional(),
                      port_positional(),
                      {.name = "FILE",
                       .help = "Write here instead of to standard output.",
                       .kind = WordKind::kFile,
                       .required = false}},
      .options = with_record_options({{.name = "count",
                                       .letter = 'n',
                                       .value = "N",
                                       .help = "Take N messages, and leave the others.",
                                       .kind = WordKind::kNumber}},
                                     false),
      .examples = {{"mvm dequeue lab results | sort -n", "All results, a line each."},
                   {"mvm dequeue lab results --count 1", "The next one."},
                   {"mvm dequeue lab images all.frames --format frames", "Binary messages."}},
      .exits = {{"0", "The stream has ended, or N messages were written."},
                {"1",
                 "The group or port is not there, the group was stopped, fewer than N messages "
                 "came, or the output cannot be written."},
                {"2", "Wrong usage."},
                {"130", "Interrupted; what was given is written."}},
      .run = dequeue,
  };
}

}  // namespace mvm::cli
