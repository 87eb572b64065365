/* SPDX-License-Identifier: Apache-2.0 */
/* The C interface: a task in plain C sends numbers around a ring of three in every way there is. */
#include <mvm/job.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                \
  do {                                                                                  \
    if (!(condition)) {                                                                 \
      fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #condition, mvm_error_message()); \
      exit(1);                                                                          \
    }                                                                                   \
  } while (0)

enum { kMillisecond = 1000000 };

static void expect_number(const mvm_message* message, int wanted) {
  int number;
  CHECK(message->size == sizeof number);
  memcpy(&number, message->data, sizeof number);
  CHECK(number == wanted);
}

int main(int argc, char** argv) {
  char reason[256];
  mvm_job* job = mvm_job_attach(argc, argv, reason, sizeof reason);
  if (job == NULL) {
    fprintf(stderr, "%s\n", reason);
    return 3;
  }
  const int index = (int)mvm_job_index(job);
  const int before = (index + 2) % 3;
  size_t coordinate = 99;
  char name[8];
  char wanted[16];
  snprintf(wanted, sizeof wanted, "cell[%d]", index);
  CHECK(strcmp(mvm_job_name(job), wanted) == 0);
  CHECK(mvm_job_count(job) == 3);
  CHECK(mvm_job_coordinates(job, &coordinate, 1) == 1 && coordinate == (size_t)index);
  CHECK(mvm_job_port_count(job) == 2 && mvm_job_port_at(job, 2) == NULL);
  CHECK(mvm_job_port(job, "nowhere") == NULL);

  mvm_port* next = mvm_job_port(job, "next");
  mvm_port* prev = mvm_job_port(job, "prev");
  CHECK(next != NULL && prev != NULL);
  CHECK(mvm_port_name(next, name, 3) == 4 && strcmp(name, "ne") == 0);
  CHECK(mvm_port_can_send(next) && mvm_port_can_receive(prev));

  mvm_message message;
  CHECK(mvm_receive(next, &message, 0) == MVM_EMPTY);
  CHECK(mvm_receive(next, &message, kMillisecond) == MVM_EMPTY);

  CHECK(mvm_send(next, &index, sizeof index, MVM_FOREVER) == MVM_OK);
  CHECK(mvm_receive(prev, &message, MVM_FOREVER) == MVM_OK);
  CHECK(message.port == prev);
  expect_number(&message, before);
  mvm_message_release(&message);
  mvm_message_release(&message); /* once more does no harm */

  mvm_loan loan;
  CHECK(mvm_borrow(next, sizeof index, &loan) == MVM_OK);
  mvm_drop_loan(&loan);
  CHECK(mvm_borrow(next, sizeof index, &loan) == MVM_OK);
  memcpy(loan.data, &index, sizeof index);
  CHECK(mvm_send_loan(prev, &loan) == MVM_ERROR); /* it belongs to the other port */
  CHECK(strstr(mvm_error_message(), "belongs to port next") != NULL);
  CHECK(mvm_send_loan(next, &loan) == MVM_OK);
  CHECK(mvm_receive_any(job, &message, MVM_FOREVER) == MVM_OK);
  expect_number(&message, before);
  mvm_message_release(&message);

  CHECK(mvm_send_with_key(next, &index, sizeof index, 7, MVM_FOREVER) == MVM_OK);
  mvm_port_close(next);
  CHECK(mvm_send(next, &index, sizeof index, 0) == MVM_ERROR);
  CHECK(mvm_receive(prev, &message, MVM_FOREVER) == MVM_OK);
  mvm_message_release(&message);
  CHECK(mvm_receive(prev, &message, MVM_FOREVER) == MVM_CLOSED);
  CHECK(mvm_port_ended(prev));
  mvm_job_detach(job);
  mvm_job_detach(NULL);
  return 0;
}
