// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "schema_guide.hpp"
#include "xml_element.hpp"

namespace mvm::model {

/// What kind of rule of the schema an element breaks.
enum class Verdict {
  kUnexpectedElement,
  kMissingChild,
  kUnknownAttribute,
  kMissingAttribute,
  kBadValue,   ///< of an attribute, or of the element's text
  kStrayText,  ///< text where only elements may stand
  kUnknownRoot,
  kOther,
};

/// Explains verdicts on one document in words that someone who never saw a schema understands.
class VerdictWords {
 public:
  VerdictWords(const SchemaGuide& guide, const XmlElement& root);

  /// `detail` is the validator's own message, used for kOther.
  [[nodiscard]] std::string explain(Verdict verdict, std::size_t element,
                                    std::string_view attribute, std::string_view detail) const;

 private:
  struct Position {
    const XmlElement* element = nullptr;
    const XmlElement* parent = nullptr;
    std::string_view type;  ///< empty where the schema knows none
  };
  void place(const XmlElement& element, const XmlElement* parent, std::string_view type);
  [[nodiscard]] std::string unexpected_element(const Position& position) const;
  [[nodiscard]] std::string missing_child(const Position& position) const;
  [[nodiscard]] std::string unknown_attribute(const Position& position,
                                              std::string_view attribute) const;
  [[nodiscard]] std::string bad_value(const Position& position, std::string_view attribute) const;

  const SchemaGuide& guide_;
  std::vector<Position> positions_;  ///< by XmlElement::number
};

}  // namespace mvm::model
