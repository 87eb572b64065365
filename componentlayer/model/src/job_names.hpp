// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "reading.hpp"

namespace mvm::model {

/// The jobs that a profile declares, for statements that name them.
class JobNames {
 public:
  /// `count` of 0: the job's count could not be read.
  void add(const std::string& name, std::uint32_t count, const Place& place);

  /// The place of the first job of that name, or null.
  [[nodiscard]] const Place* find(const std::string& name) const;

  /// Complains unless there is such a job. True if there is, or if it cannot be told.
  bool check(const XmlElement& element, std::string_view attribute, const std::string& name,
             Reading& reading) const;

  /// Complains when `index` is beyond the job's tasks.
  bool check_index(const XmlElement& element, std::string_view attribute, const std::string& name,
                   std::uint32_t index, Reading& reading) const;

  /// Some job's own name could not be read, so that an unknown name may be its.
  void add_unreadable() { complete_ = false; }

 private:
  struct Job {
    std::uint32_t count;
    Place place;
  };
  std::map<std::string, Job> jobs_;
  bool complete_ = true;
};

}  // namespace mvm::model
