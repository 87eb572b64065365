// SPDX-License-Identifier: Apache-2.0
#include <mvm/job.h>

#include <algorithm>
#include <cstring>
#include <string>

#include <mvm/job.hpp>

namespace {

using mvm::detail::Block;
using mvm::detail::Got;

thread_local std::string last_message;

mvm::Job& job_of(mvm_job* job) {
  return *reinterpret_cast<mvm::Job*>(job);
}
const mvm::Job& job_of(const mvm_job* job) {
  return *reinterpret_cast<const mvm::Job*>(job);
}
mvm::Port& port_of(mvm_port* port) {
  return *reinterpret_cast<mvm::Port*>(port);
}
const mvm::Port& port_of(const mvm_port* port) {
  return *reinterpret_cast<const mvm::Port*>(port);
}
mvm_port* handle_of(mvm::Port* port) {
  return reinterpret_cast<mvm_port*>(port);
}

/// Copies words for a caller that gave room for them.
void put_words(const std::string& words, char* to, std::size_t size) {
  if (to == nullptr || size == 0) return;
  const auto length = std::min(words.size(), size - 1);
  std::memcpy(to, words.data(), length);
  to[length] = '\0';
}

/// No exception crosses into C.
template <typename Call>
mvm_status guarded(Call&& call) {
  try {
    return call();
  } catch (const mvm::closed& end) {
    last_message = end.what();
    return MVM_CLOSED;
  } catch (const std::exception& problem) {
    last_message = problem.what();
    return MVM_ERROR;
  }
}

std::uint64_t as_number(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer);
}
void* as_pointer(std::uint64_t number) {
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(number));
}

mvm_status hand_over(Got got, const Block& block, mvm_message* message) {
  switch (got) {
    case Got::kNothing:
      return MVM_EMPTY;
    case Got::kEnd:
      last_message = "the end of the stream";
      return MVM_CLOSED;
    case Got::kMessage:
      break;
  }
  *message = {block.data,
              block.size,
              handle_of(block.port),
              {block.cookie, as_number(block.owner), block.type}};
  return MVM_OK;
}

mvm_status send(mvm_port* port, const void* data, std::size_t size, const std::uint64_t* key,
                std::int64_t timeout_ns) {
  return guarded([&] {
    return mvm::detail::send(port_of(port), data, size, 0, timeout_ns, key) ? MVM_OK : MVM_EMPTY;
  });
}

Block block_of(const mvm_loan& loan) {
  return {.data = loan.data,
          .size = loan.size,
          .port = static_cast<mvm::Port*>(as_pointer(loan.internal[0])),
          .cookie = loan.internal[1],
          .owner = as_pointer(loan.internal[2]),
          .type = 0};
}

}  // namespace

mvm_job* mvm_job_attach(int argc, char** argv, char* reason, size_t reason_size) {
  try {
    return reinterpret_cast<mvm_job*>(new mvm::Job(argc, argv));
  } catch (const std::exception& problem) {
    last_message = problem.what();
    put_words(last_message, reason, reason_size);
    return nullptr;
  }
}

void mvm_job_detach(mvm_job* job) {
  delete reinterpret_cast<mvm::Job*>(job);
}

const char* mvm_job_name(const mvm_job* job) {
  return job_of(job).name().data();
}
size_t mvm_job_index(const mvm_job* job) {
  return job_of(job).index();
}
size_t mvm_job_count(const mvm_job* job) {
  return job_of(job).count();
}

size_t mvm_job_coordinates(const mvm_job* job, size_t* coordinates, size_t room) {
  const auto& all = job_of(job).coordinates();
  std::copy_n(all.begin(), std::min(all.size(), room), coordinates);
  return all.size();
}

mvm_port* mvm_job_port(mvm_job* job, const char* name) {
  return handle_of(job_of(job).find_port(name));
}
size_t mvm_job_port_count(mvm_job* job) {
  return job_of(job).ports().size();
}
mvm_port* mvm_job_port_at(mvm_job* job, size_t number) {
  const auto& ports = job_of(job).ports();
  return number < ports.size() ? handle_of(ports[number]) : nullptr;
}

size_t mvm_port_name(const mvm_port* port, char* name, size_t size) {
  const std::string words(port_of(port).name());
  put_words(words, name, size);
  return words.size();
}
int mvm_port_can_send(const mvm_port* port) {
  return port_of(port).can_send() ? 1 : 0;
}
int mvm_port_can_receive(const mvm_port* port) {
  return port_of(port).can_receive() ? 1 : 0;
}
int mvm_port_ended(const mvm_port* port) {
  return port_of(port).ended() ? 1 : 0;
}
void mvm_port_close(mvm_port* port) {
  port_of(port).close();
}

mvm_status mvm_send(mvm_port* port, const void* data, size_t size, int64_t timeout_ns) {
  return send(port, data, size, nullptr, timeout_ns);
}
mvm_status mvm_send_with_key(mvm_port* port, const void* data, size_t size, uint64_t key,
                             int64_t timeout_ns) {
  return send(port, data, size, &key, timeout_ns);
}

mvm_status mvm_borrow(mvm_port* port, size_t size, mvm_loan* loan) {
  return guarded([&] {
    const Block block = mvm::detail::loan(port_of(port), size);
    *loan = {
        block.data, block.size, {as_number(block.port), block.cookie, as_number(block.owner), 0}};
    return MVM_OK;
  });
}

mvm_status mvm_send_loan(mvm_port* port, mvm_loan* loan) {
  return guarded([&] {
    Block block = block_of(*loan);
    mvm::detail::send_loan(port_of(port), block, 0);
    *loan = {};
    return MVM_OK;
  });
}

void mvm_drop_loan(mvm_loan* loan) {
  if (loan->data == nullptr) return;
  Block block = block_of(*loan);
  mvm::detail::drop_loan(block);
  *loan = {};
}

mvm_status mvm_receive(mvm_port* port, mvm_message* message, int64_t timeout_ns) {
  return guarded([&] {
    Block block;
    const Got got = mvm::detail::receive(port_of(port), block, timeout_ns);
    return hand_over(got, block, message);
  });
}

mvm_status mvm_receive_any(mvm_job* job, mvm_message* message, int64_t timeout_ns) {
  return guarded([&] {
    Block block;
    const Got got = mvm::detail::receive_any(job_of(job), block, timeout_ns);
    return hand_over(got, block, message);
  });
}

void mvm_message_release(mvm_message* message) {
  if (message->port == nullptr) return;
  Block block{.data = const_cast<void*>(message->data),
              .size = message->size,
              .port = &port_of(message->port),
              .cookie = message->internal[0],
              .owner = as_pointer(message->internal[1]),
              .type = static_cast<std::uint32_t>(message->internal[2])};
  mvm::detail::release(block);
  *message = {};
}

const char* mvm_error_message(void) {
  return last_message.c_str();
}
