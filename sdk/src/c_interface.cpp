// SPDX-License-Identifier: Apache-2.0
#include <mvm/job.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>

#include <mvm/job.hpp>

namespace {

using mvm::detail::Block;
using mvm::detail::Got;
using mvm::detail::SendTerms;

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
  } catch (const mvm::full& no_room) {
    last_message = no_room.what();
    return MVM_FULL;
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

/// What a message remembers between receive and release, one number each.
enum MessageField { kCookie, kOwner, kChannel, kType, kPriority, kFlags };
constexpr std::uint64_t kLate = 1;
constexpr std::uint64_t kPortable = 2;

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
  *message = {
      .data = block.data, .size = block.size, .port = handle_of(block.port), .internal = {}};
  message->internal[kCookie] = block.cookie;
  message->internal[kOwner] = as_number(block.owner);
  message->internal[kChannel] = as_number(block.channel);
  message->internal[kType] = block.type;
  message->internal[kPriority] = block.priority;
  message->internal[kFlags] = (block.late ? kLate : 0) | (block.portable ? kPortable : 0);
  return MVM_OK;
}

/// Of which size the first version of `mvm_terms` was: what every caller must at least have.
constexpr std::size_t kFirstTerms = offsetof(mvm_terms, deadline_ns) + sizeof(std::int64_t);

SendTerms terms_of(const mvm_terms* terms, std::int64_t timeout_ns) {
  SendTerms wanted;
  wanted.timeout_ns = timeout_ns;
  if (terms == nullptr) return wanted;
  if (terms->size < kFirstTerms) {
    throw mvm::error("the size of mvm_terms is " + std::to_string(terms->size) +
                     "; begin with `mvm_terms terms = MVM_TERMS_INIT`");
  }
  if (terms->size > sizeof(mvm_terms)) {
    throw mvm::error("this program was compiled for a newer libmvm, whose mvm_terms has " +
                     std::to_string(terms->size) + " bytes; compile it for the installed one");
  }
  wanted.priority = terms->priority;
  wanted.has_key = terms->has_key != 0;
  wanted.key = terms->key;
  wanted.deadline_ns = terms->deadline_ns;
  return wanted;
}

mvm_status send(mvm_port* port, const void* data, std::size_t size, const mvm_terms* terms,
                std::int64_t timeout_ns) {
  return guarded([&] {
    const bool sent = mvm::detail::send(port_of(port), data, size, 0, terms_of(terms, timeout_ns));
    return sent ? MVM_OK : MVM_EMPTY;
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
  mvm_terms terms = MVM_TERMS_INIT;
  terms.has_key = 1;
  terms.key = key;
  return send(port, data, size, &terms, timeout_ns);
}
mvm_status mvm_send_with(mvm_port* port, const void* data, size_t size, const mvm_terms* terms,
                         int64_t timeout_ns) {
  return send(port, data, size, terms, timeout_ns);
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
  return mvm_send_loan_with(port, loan, nullptr);
}
mvm_status mvm_send_loan_with(mvm_port* port, mvm_loan* loan, const mvm_terms* terms) {
  return guarded([&] {
    Block block = block_of(*loan);
    mvm::detail::send_loan(port_of(port), block, 0, terms_of(terms, mvm::detail::kForever));
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
              .cookie = message->internal[kCookie],
              .owner = as_pointer(message->internal[kOwner]),
              .type = static_cast<std::uint32_t>(message->internal[kType]),
              .priority = mvm_message_priority(message),
              .channel = as_pointer(message->internal[kChannel]),
              .late = mvm_message_late(message) != 0,
              .portable = (message->internal[kFlags] & kPortable) != 0};
  mvm::detail::release(block);
  *message = {};
}

uint32_t mvm_message_priority(const mvm_message* message) {
  return static_cast<std::uint32_t>(message->internal[kPriority]);
}
int mvm_message_late(const mvm_message* message) {
  return (message->internal[kFlags] & kLate) != 0 ? 1 : 0;
}

const char* mvm_error_message(void) {
  return last_message.c_str();
}
