// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mvm::model {

/// An attribute as written, entities such as `&lt;` resolved, `${}` not.
struct XmlAttribute {
  std::string name;
  std::string value;
  int line = 0;
};

/// An element of a document as a value: what the checks of a profile work on.
struct XmlElement {
  std::string name;        ///< without its namespace prefix
  std::size_t number = 0;  ///< position in document order; the root is 0
  int line = 0;            ///< of the start tag's beginning
  std::vector<XmlAttribute> attributes;
  std::vector<XmlElement> children;
  std::string words;  ///< its own text, without surrounding white space

  /// The first attribute or child of that name, or null.
  [[nodiscard]] const XmlAttribute* attribute(std::string_view wanted) const;
  [[nodiscard]] const XmlElement* child(std::string_view wanted) const;

  /// All elements of this tree by number: element n at [n - this->number].
  [[nodiscard]] std::vector<const XmlElement*> in_order() const;
};

/// `words` without white space at its ends.
[[nodiscard]] std::string_view trim(std::string_view words);

/// The words of a list, separated by white space or commas.
[[nodiscard]] std::vector<std::string> split_words(std::string_view list);

}  // namespace mvm::model
