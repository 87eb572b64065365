// SPDX-License-Identifier: Apache-2.0

#include <mvm/job.hpp>

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  while (const auto value = job.port("in").next<double>()) job.port("out").send(*value);
}
