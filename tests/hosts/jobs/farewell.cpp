// SPDX-License-Identifier: Apache-2.0

// Sends messages that nobody receives any more, and ends: once a file is there.

#include <mvm/job.hpp>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const auto& arguments = job.arguments();
  mvm::Port* out = job.find_port("out");
  if (out != nullptr) {
    out->send(0);
  } else {
    job.port("in").receive<int>();
    std::printf("well under way\n");
    std::fflush(stdout);
  }
  while (!std::filesystem::exists(arguments.at(0))) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (out != nullptr) {
    for (unsigned long i = 0; i < std::stoul(arguments.at(1)); ++i) out->send(1);
  }
  std::printf(out != nullptr ? "all is sent\n" : "nothing more is received\n");
}
