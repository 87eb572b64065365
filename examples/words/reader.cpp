// SPDX-License-Identifier: Apache-2.0

// Sends a text, line by line.

#include <mvm/job.hpp>

#include <fstream>
#include <string>

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const std::string& path = job.arguments().at(0);

  // An <input> is staged into this task's directory, under its last name.
  std::ifstream text(path.substr(path.rfind('/') + 1));
  if (!text) throw mvm::error("cannot read " + path);

  mvm::Port& out = job.port("out");
  for (std::string line; std::getline(text, line);) out.send(line);
}
