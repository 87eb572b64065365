// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string>

#include "document_library.hpp"
#include "reading.hpp"

namespace mvm::model {

/// Reads a `<job>` of a profile, through its `ref=` if it has one. Parts that are wrong are
/// complained about and left out; `count` stays 0 when it is not known.
[[nodiscard]] JobModel read_job(const XmlElement& element, Reading& reading,
                                DocumentLibrary& library);

/// The names that jobs may have; also after `${}` was evaluated.
[[nodiscard]] bool is_name(std::string_view words);

}  // namespace mvm::model
