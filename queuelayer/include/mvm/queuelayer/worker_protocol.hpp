// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/base/units.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

/// What passes between a queue VM and a worker, a process that runs tasks as fibers. The queue VM
/// starts it with three descriptors: the arena, a file with the list of its fibers, and a pipe on
/// which it tells what becomes of them. Nothing goes the other way: signals end it.
namespace mvm::queue::worker {

/// The numbers of the descriptors in a worker.
inline constexpr int kArenaDescriptor = 3;
inline constexpr int kListDescriptor = 4;
inline constexpr int kNewsDescriptor = 5;

/// One task of a worker.
struct FiberSpec {
  std::uint32_t task = 0;  ///< its endpoint
  std::string name;        ///< "cell[3]"
  std::uint32_t program = 0;
  std::vector<std::string> arguments;    ///< after the program's name
  std::vector<std::string> environment;  ///< "NAME=value", on top of the worker's own
  std::string directory;
  Bytes stack;
  bool operator==(const FiberSpec&) const = default;
};

struct FiberList {
  std::uint32_t worker = 0;           ///< position in ArenaHeader::workers
  std::vector<std::string> programs;  ///< shared objects
  std::vector<FiberSpec> fibers;      ///< in the order of EndpointRecord::fiber
  bool operator==(const FiberList&) const = default;
};

/// The fibers of a worker of this plan.
[[nodiscard]] FiberList fibers_of(const WiringPlan& plan, std::uint32_t worker);

[[nodiscard]] std::string encode(const FiberList& list);
[[nodiscard]] Result<FiberList> decode_fiber_list(std::string_view bytes);

enum class NewsKind : std::uint32_t {
  kOutput = 0,     ///< bytes of standard output follow
  kErrors = 1,     ///< bytes of standard error follow
  kExited = 2,     ///< the task ended; `status` is its exit code
  kSignalled = 3,  ///< the task ended as by the signal `status`; the worker lives on
  kCrashed = 4,    ///< the signal `status`, which this task has raised, is about to end the worker
};

/// What a worker tells, in the host's own byte order. Each is written at once and is not longer
/// than a pipe takes as a whole, so that threads do not mix, and a crash cuts none.
struct News {
  std::uint32_t magic = kMagic;
  std::uint32_t task = 0;  ///< endpoint
  NewsKind kind = NewsKind::kOutput;
  std::int32_t status = 0;
  std::uint64_t length = 0;  ///< bytes that follow
  std::int64_t cpu_ns = 0;   ///< of a task that ended: its share of what the worker used
  std::uint64_t memory = 0;  ///< likewise

  static constexpr std::uint32_t kMagic = 0x5357464d;  ///< "MFWS" in the bytes
};
inline constexpr std::size_t kMaxNewsBytes = 4096 - sizeof(News);  ///< PIPE_BUF

/// Cuts what a worker tells into pieces. After an error the stream is beyond repair.
class NewsReader {
 public:
  struct Piece {
    News news;
    std::string bytes;
  };
  void feed(std::string_view bytes) { buffer_.append(bytes); }
  /// The next whole piece; empty when more bytes are needed. kProtocol.
  [[nodiscard]] Result<std::optional<Piece>> next();

 private:
  std::string buffer_;
  std::size_t taken_ = 0;  ///< bytes of buffer_ already cut off
};

}  // namespace mvm::queue::worker
