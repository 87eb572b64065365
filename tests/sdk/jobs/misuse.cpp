// SPDX-License-Identifier: Apache-2.0
// What a task does wrong, and what it is told.
#include <mvm/job.hpp>
#include <string>
#include <vector>

#include "check.hpp"

void left(mvm::Job& job) {
  mvm::Port& out = job.port("output");
  CHECK(job.find_port("outptu") == nullptr);
  CHECK(job.find_port("output") == &out);
  CHECK_EQUAL(job.ports().size(), 2u);
  CHECK_THROWS(
      job.port("outptu"), mvm::error,
      "left[0] has no port 'outptu', did you mean 'output'? (its ports are output, input)");
  CHECK_THROWS(out.receive<int>(), mvm::error,
               "left[0], port output: nothing can be received here, the topology has no edge that "
               "arrives");
  CHECK_THROWS(
      job.port("input").send(1), mvm::error,
      "left[0], port input: nothing can be sent here, the topology has no edge that leaves "
      "this port");
  CHECK_THROWS(out.send_bytes(nullptr, (std::size_t{1} << 30) + 1), mvm::error,
               "left[0], port output: a message of 1073741825 bytes is over the limit of "
               "1073741824; send it in parts");
  // Each is received as something else.
  out.send(1);
  out.send(1.5);
  out.send(std::vector<int>{1, 2, 3});
  out.send(std::string("abc"));
  out.send(std::vector<int>(50'000));
  out.send(7);
  auto lent = out.loan<int>(1);
  auto other = std::move(lent);
  CHECK_THROWS(out.send(std::move(lent)), mvm::error,
               "left[0], port output: this loan was sent or moved away before");
  out.close();
  CHECK_THROWS(out.send(std::move(other)), mvm::error,
               "left[0], port output: was closed by this task and cannot send any more");
  CHECK_THROWS(auto late = out.loan<int>(1), mvm::error,
               "left[0], port output: was closed by this task and cannot send any more");
  CHECK_EQUAL(job.port("input").receive<int>(), 0);
}

void right(mvm::Job& job) {
  mvm::Port& in = job.port("in");
  const std::string sender = "but left[0].output sent ";
  const std::string remedy = "; send and receive the same type";
  const std::string number = "; send and receive as many, or receive a std::vector";
  CHECK_THROWS(
      in.receive<double>(), mvm::error,
      "right[0], port in: asked for double in 8 bytes, " + sender + "4 bytes of int32" + remedy);
  CHECK_THROWS(
      in.receive<long>(), mvm::error,
      "right[0], port in: asked for int64 in 8 bytes, " + sender + "8 bytes of double" + remedy);
  CHECK_THROWS(
      in.receive<int>(), mvm::error,
      "right[0], port in: asked for int32 in 4 bytes, " + sender + "12 bytes of int32" + number);
  CHECK_THROWS(
      in.receive<unsigned>(), mvm::error,
      "right[0], port in: asked for uint32 in 4 bytes, " + sender + "3 bytes of char" + remedy);
  std::vector<int> small(10);
  CHECK_THROWS(in.receive_into(small), mvm::error,
               "right[0], port in: asked for int32 in 40 bytes, " + sender +
                   "200000 bytes of int32" + number);
  // What did not fit is gone; the next one comes whole.
  CHECK_EQUAL(in.receive<int>(), 7);
  job.port("out").send(0);
}

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  job.name() == "left[0]" ? left(job) : right(job);
}
