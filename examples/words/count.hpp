// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mvm/job.hpp>

#include <cstdint>
#include <string>

/// How often a word was seen.
struct Count {
  std::string word;
  std::uint64_t times = 0;
  MVM_FIELDS(word, times);
};
