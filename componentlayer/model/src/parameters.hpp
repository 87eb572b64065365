// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <map>
#include <string>
#include <vector>

#include "reading.hpp"

namespace mvm::model {

/// A value for a parameter that comes from outside its document.
struct GivenValue {
  std::string value;
  std::string origin;  ///< "-p side=4" or "<set name=\"side\" value=\"4\"/>"
  Place place;         ///< line 0: the command line
};
using GivenValues = std::map<std::string, GivenValue>;

/// Reads the `<param>` elements of the document's root and defines each in the reading's scope,
/// with the given value or its default. Complains about given values too, at their place.
std::vector<ParameterModel> read_parameters(Reading& reading, const GivenValues& given,
                                            Diagnostics& diagnostics);

}  // namespace mvm::model
