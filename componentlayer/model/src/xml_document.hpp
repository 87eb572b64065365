// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string_view>

#include <mvm/base/result.hpp>

#include "xml_element.hpp"

namespace mvm::model {

/// The tree of a text that `scan_xml` let pass and that is known to be well-formed.
/// kInvalidProfile when it is not.
[[nodiscard]] Result<XmlElement> parse_xml(std::string_view xml);

}  // namespace mvm::model
