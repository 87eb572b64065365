// SPDX-License-Identifier: Apache-2.0
// Whatever bytes come, the reader of wiring plans accepts or refuses them; and what it accepts
// has exactly these bytes as its form and passes its own check.
#include <cstdlib>

#include <mvm/queuelayer/wiring_plan.hpp>

#include "edited_form.hpp"
#include "queuelayer/sample_plan.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const bool raw = rest.front() % 2 == 0;
  rest.remove_prefix(1);
  static const std::string valid = encode(mvm::queue::sample_plan());
  const auto bytes = raw ? std::string(rest) : mvm::fuzz::edited(valid, rest);
  const auto plan = mvm::queue::decode_wiring_plan(bytes);
  if (plan && (encode(*plan) != bytes || !check(*plan))) std::abort();
  return 0;
}
