// SPDX-License-Identifier: Apache-2.0
#include <mvm/job.hpp>

#include <cstdio>

int main(int argc, char** argv) {
  try {
    mvm::Job job(argc, argv);
    std::printf("hello from %.*s\n", static_cast<int>(job.name().size()), job.name().data());
  } catch (const mvm::error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 3;
  }
}
