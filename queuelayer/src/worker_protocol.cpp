// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/worker_protocol.hpp>

#include <algorithm>
#include <cstring>

#include "wire_form.hpp"

namespace mvm::queue {
namespace wire {

template <>
inline constexpr std::uint32_t kListLimit<worker::FiberSpec> = kMaxTasksPerMachine;

}  // namespace wire

namespace worker {

template <wire::Either<FiberSpec> Self>
static auto fields(Self& fiber) {
  return std::tie(fiber.task, fiber.name, fiber.program, fiber.arguments, fiber.environment,
                  fiber.directory, fiber.stack);
}

template <wire::Either<FiberList> Self>
static auto fields(Self& list) {
  return std::tie(list.worker, list.programs, list.fibers);
}

namespace {

constexpr std::uint32_t kListMagic = 0x4c42464d;  ///< "MFBL" in the bytes

}  // namespace

FiberList fibers_of(const WiringPlan& plan, std::uint32_t worker) {
  FiberList list{.worker = worker, .programs = plan.programs};
  for (std::uint32_t i = 0; i < plan.tasks.size(); ++i) {
    const auto& task = plan.tasks[i];
    if (task.worker != worker) continue;
    FiberSpec fiber{.task = i,
                    .name = task.name(),
                    .program = task.program,
                    .arguments = task.arguments,
                    .environment = task.environment,
                    .directory = task.directory,
                    .stack = task.stack};
    fiber.environment.push_back(text("MVM_TASK=", i));
    fiber.environment.push_back("MVM_TASK_NAME=" + fiber.name);
    list.fibers.push_back(std::move(fiber));
  }
  return list;
}

std::string encode(const FiberList& list) {
  wire::Writer writer;
  writer.put(kListMagic);
  writer.put(list);
  return writer.take();
}

Result<FiberList> decode_fiber_list(std::string_view bytes) {
  wire::Reader reader(bytes, kMaxNameLength);
  std::uint32_t magic = 0;
  reader.get(magic);
  FiberList list;
  if (magic == kListMagic) reader.get(list);
  reader.expect_end();
  if (magic != kListMagic || !reader.ok()) {
    return fail(ErrorCode::kProtocol, "these ", bytes.size(), " bytes are no list of fibers",
                reader.ok() ? "" : ": ", reader.problem());
  }
  for (const auto& fiber : list.fibers) {
    if (fiber.program >= list.programs.size()) {
      return fail(ErrorCode::kProtocol, fiber.name, " runs program ", fiber.program, " of ",
                  list.programs.size());
    }
  }
  return list;
}

Result<std::optional<NewsReader::Piece>> NewsReader::next() {
  const std::string_view rest = std::string_view(buffer_).substr(taken_);
  Piece piece;
  const auto wait_for_more = [&]() -> Result<std::optional<Piece>> {
    buffer_.erase(0, taken_);
    taken_ = 0;
    return std::nullopt;
  };
  if (rest.size() < sizeof(News)) return wait_for_more();
  std::memcpy(&piece.news, rest.data(), sizeof(News));
  const auto& news = piece.news;
  const bool has_bytes = news.kind == NewsKind::kOutput || news.kind == NewsKind::kErrors;
  if (news.magic != News::kMagic || news.kind > NewsKind::kCrashed ||
      news.length > (has_bytes ? kMaxNewsBytes : 0)) {
    return fail(ErrorCode::kProtocol, "a worker of fibers told what nobody understands");
  }
  if (rest.size() < sizeof(News) + news.length) return wait_for_more();
  piece.bytes = rest.substr(sizeof(News), news.length);
  taken_ += sizeof(News) + news.length;
  return piece;
}

}  // namespace worker
}  // namespace mvm::queue
