// SPDX-License-Identifier: Apache-2.0

// Cuts lines into words: the longest runs of ASCII letters, in small letters.

#include <mvm/job.hpp>

#include <string>

namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
char small(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  mvm::Port& out = job.port("out");

  while (auto line = job.port("in").next<std::string>()) {
    std::string word;
    line->push_back('\n');  // ends the last word, too
    for (const char c : *line) {
      if (is_letter(c)) {
        word.push_back(small(c));
      } else if (!word.empty()) {
        out.send(word);  // the link spreads by hash: equal words reach the same counter
        word.clear();
      }
    }
  }
}
