// SPDX-License-Identifier: Apache-2.0

#include <mvm/job.hpp>

#include <cstdio>

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  while (const auto message = job.port("in").next<mvm::Message>()) {
    std::printf("bytes %zu\n", message->size());
  }
}
