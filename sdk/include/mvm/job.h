/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MVM_JOB_H
#define MVM_JOB_H

/* The SDK for C, and for every language that can call C. It covers what <mvm/job.hpp> does; see
 * there for what threads may do and when a call blocks.
 *
 *     mvm_job* job = mvm_job_attach(argc, argv, NULL, 0);
 *     mvm_port* next = mvm_job_port(job, "next");
 *     mvm_send(next, &value, sizeof value, MVM_FOREVER);
 *
 * Status. Every call that can fail returns an mvm_status. After MVM_CLOSED, MVM_ERROR or MVM_FULL,
 * mvm_error_message tells this thread why, until its next call that fails.
 * Ownership. Ports belong to their job. A message or loan that was filled in is given back by
 * exactly one call of mvm_message_release, mvm_send_loan or mvm_drop_loan. */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MVM_C_API __attribute__((visibility("default")))

typedef struct mvm_job mvm_job;
typedef struct mvm_port mvm_port;

typedef enum mvm_status {
  MVM_OK = 0,
  MVM_EMPTY = 1,  /* nothing in time: no message, or no room */
  MVM_CLOSED = 2, /* the other end is gone */
  MVM_ERROR = 3,  /* a misuse, or a failure of the surroundings */
  MVM_FULL = 4    /* the queue is full, and the profile says overflow="fail" */
} mvm_status;

/* Timeouts are nanoseconds: 0 does not wait, MVM_FOREVER waits. */
#define MVM_FOREVER ((int64_t)-1)

/* A received message, seen where it lies. `data` has `size` bytes and is aligned to 16. */
typedef struct mvm_message {
  const void* data;
  size_t size;
  mvm_port* port; /* where it arrived */
  uint64_t internal[6];
} mvm_message;

/* Memory of the queue, to be filled and sent without a copy. Aligned to 64. */
typedef struct mvm_loan {
  void* data;
  size_t size;
  uint64_t internal[4];
} mvm_loan;

/* What a sender says about a message beside its bytes. Begin with MVM_TERMS_INIT, which sets
 * `size`, so that later versions may know more terms:
 *     mvm_terms terms = MVM_TERMS_INIT;
 *     terms.priority = 2; */
typedef struct mvm_terms {
  size_t size;       /* of this struct, as the program knows it */
  uint32_t priority; /* queues of type priority: the higher is received first */
  int has_key;       /* else the bytes are the key, where ports spread by hash */
  uint64_t key;      /* messages with equal keys go to the same receiver */
  int64_t
      deadline_ns; /* queues of type deadline: wanted until so long from now; MVM_FOREVER: none */
} mvm_terms;
#define MVM_TERMS_INIT {sizeof(mvm_terms), 0, 0, 0, MVM_FOREVER}

/* Joins the job group and waits until it is wired. NULL when the program was not started by mvm;
 * `reason` (may be NULL) then gets up to `reason_size` bytes of what to do, always terminated. */
MVM_C_API mvm_job* mvm_job_attach(int argc, char** argv, char* reason, size_t reason_size);
/* Leaves the group: peers see the end of what this task sent. NULL is allowed. */
MVM_C_API void mvm_job_detach(mvm_job* job);

MVM_C_API const char* mvm_job_name(const mvm_job* job); /* "cell[3]"; valid until detach */
MVM_C_API size_t mvm_job_index(const mvm_job* job);
MVM_C_API size_t mvm_job_count(const mvm_job* job);
/* Position in the topology: fills up to `room` numbers, returns how many there are. */
MVM_C_API size_t mvm_job_coordinates(const mvm_job* job, size_t* coordinates, size_t room);

/* The port of that name, or NULL. */
MVM_C_API mvm_port* mvm_job_port(mvm_job* job, const char* name);
MVM_C_API size_t mvm_job_port_count(mvm_job* job);
MVM_C_API mvm_port* mvm_job_port_at(mvm_job* job, size_t number);
/* Copies the port's name, cut at `size` - 1 bytes and terminated; returns its full length. */
MVM_C_API size_t mvm_port_name(const mvm_port* port, char* name, size_t size);
MVM_C_API int mvm_port_can_send(const mvm_port* port);
MVM_C_API int mvm_port_can_receive(const mvm_port* port);
MVM_C_API int mvm_port_ended(const mvm_port* port);
/* Ends the sending side. */
MVM_C_API void mvm_port_close(mvm_port* port);

/* Sends `size` bytes. MVM_EMPTY: no room in time. */
MVM_C_API mvm_status mvm_send(mvm_port* port, const void* data, size_t size, int64_t timeout_ns);
/* The same, for a port that spreads by hash. */
MVM_C_API mvm_status mvm_send_with_key(mvm_port* port, const void* data, size_t size, uint64_t key,
                                       int64_t timeout_ns);
/* The same with terms; NULL: with none. */
MVM_C_API mvm_status mvm_send_with(mvm_port* port, const void* data, size_t size,
                                   const mvm_terms* terms, int64_t timeout_ns);
MVM_C_API mvm_status mvm_borrow(mvm_port* port, size_t size, mvm_loan* loan);
MVM_C_API mvm_status mvm_send_loan(mvm_port* port, mvm_loan* loan);
MVM_C_API mvm_status mvm_send_loan_with(mvm_port* port, mvm_loan* loan, const mvm_terms* terms);
MVM_C_API void mvm_drop_loan(mvm_loan* loan);

/* The next message of a port, or of any port. MVM_CLOSED: the end of the stream. */
MVM_C_API mvm_status mvm_receive(mvm_port* port, mvm_message* message, int64_t timeout_ns);
MVM_C_API mvm_status mvm_receive_any(mvm_job* job, mvm_message* message, int64_t timeout_ns);
MVM_C_API void mvm_message_release(mvm_message* message);
/* Of a message that was not released yet: its priority, where the queue has them, and whether its
 * deadline had passed when it was received (1 or 0). */
MVM_C_API uint32_t mvm_message_priority(const mvm_message* message);
MVM_C_API int mvm_message_late(const mvm_message* message);

/* Why this thread's last failed call failed. */
MVM_C_API const char* mvm_error_message(void);

#ifdef __cplusplus
}
#endif

#endif
