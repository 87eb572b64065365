// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <set>
#include <string>
#include <vector>

#include "reading.hpp"

namespace mvm::model {

/// The codecs and queue types that a profile declares, for rules that name them.
struct PluginNames {
  std::set<std::string> codecs;
  std::set<std::string> types;
  bool are_complete = true;  ///< else an unknown name may be that of one that could not be read
};

/// Reads the `<codec>` and `<type>` elements of `<queues>`.
[[nodiscard]] PluginNames read_plugins(const XmlElement& queues, Reading& reading,
                                       std::vector<PluginModel>& plugins);

}  // namespace mvm::model
