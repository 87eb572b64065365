// SPDX-License-Identifier: Apache-2.0
#include <mvm/job.hpp>

#include <cstdio>

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  std::printf("hello from %zu of %zu\n", job.index(), job.count());
}
