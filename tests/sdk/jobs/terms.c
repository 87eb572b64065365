/* SPDX-License-Identifier: Apache-2.0 */
/* What a sender in plain C says about its messages, and what a receiver in plain C sees of it. */
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

static const int64_t kHour = (int64_t)3600 * 1000000000;

static void send_number(mvm_port* port, int number, const mvm_terms* terms) {
  CHECK(mvm_send_with(port, &number, sizeof number, terms, MVM_FOREVER) == MVM_OK);
}

static void expect(mvm_port* port, int wanted, uint32_t priority, int late) {
  mvm_message message;
  int number;
  CHECK(mvm_receive(port, &message, MVM_FOREVER) == MVM_OK);
  CHECK(message.size == sizeof number);
  memcpy(&number, message.data, sizeof number);
  CHECK(number == wanted);
  CHECK(mvm_message_priority(&message) == priority);
  CHECK(mvm_message_late(&message) == late);
  mvm_message_release(&message);
}

static void left(mvm_job* job) {
  mvm_terms terms = MVM_TERMS_INIT;
  mvm_port* urgent = mvm_job_port(job, "urgent");
  send_number(urgent, 1, NULL);
  send_number(urgent, 2, &terms);
  terms.priority = 1;
  send_number(urgent, 3, &terms);
  mvm_loan loan;
  const int number = 4;
  CHECK(mvm_borrow(urgent, sizeof number, &loan) == MVM_OK);
  memcpy(loan.data, &number, sizeof number);
  terms.priority = 3;
  CHECK(mvm_send_loan_with(urgent, &loan, &terms) == MVM_OK);

  mvm_port* timed = mvm_job_port(job, "timed");
  mvm_terms deadline = MVM_TERMS_INIT;
  send_number(timed, 1, &deadline);
  deadline.deadline_ns = kHour;
  send_number(timed, 2, &deadline);
  deadline.deadline_ns = 0;
  send_number(timed, 3, &deadline);

  mvm_port* small = mvm_job_port(job, "small");
  send_number(small, 1, NULL);
  send_number(small, 2, NULL);
  CHECK(mvm_send(small, &number, sizeof number, MVM_FOREVER) == MVM_FULL);
  CHECK(strstr(mvm_error_message(), "left[0], port small") != NULL);

  /* Terms of another library. */
  mvm_terms strange = MVM_TERMS_INIT;
  strange.size = 4;
  CHECK(mvm_send_with(small, &number, sizeof number, &strange, 0) == MVM_ERROR);
  CHECK(strstr(mvm_error_message(), "MVM_TERMS_INIT") != NULL);
  strange.size = sizeof strange + 8;
  CHECK(mvm_send_with(small, &number, sizeof number, &strange, 0) == MVM_ERROR);
  CHECK(strstr(mvm_error_message(), "newer libmvm") != NULL);

  CHECK(mvm_send(mvm_job_port(job, "go"), NULL, 0, MVM_FOREVER) == MVM_OK);
}

static void right(mvm_job* job) {
  mvm_message go;
  CHECK(mvm_receive(mvm_job_port(job, "go"), &go, MVM_FOREVER) == MVM_OK);
  mvm_message_release(&go);
  mvm_port* urgent = mvm_job_port(job, "urgent");
  expect(urgent, 4, 3, 0);
  expect(urgent, 3, 1, 0);
  expect(urgent, 1, 0, 0);
  expect(urgent, 2, 0, 0);
  mvm_port* timed = mvm_job_port(job, "timed");
  expect(timed, 3, 0, 1);
  expect(timed, 2, 0, 0);
  expect(timed, 1, 0, 0);
  mvm_port* small = mvm_job_port(job, "small");
  expect(small, 1, 0, 0);
  expect(small, 2, 0, 0);
}

int main(int argc, char** argv) {
  char reason[256];
  mvm_job* job = mvm_job_attach(argc, argv, reason, sizeof reason);
  if (job == NULL) {
    fprintf(stderr, "%s\n", reason);
    return 3;
  }
  strcmp(mvm_job_name(job), "left[0]") == 0 ? left(job) : right(job);
  mvm_job_detach(job);
  return 0;
}
