// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "xml_element.hpp"

namespace mvm::model {

/// What a schema allows, in the words that its own documentation uses. It explains the schema's
/// verdicts to people; it never gives one. Knows the part of XML Schema that profile.xsd uses:
/// named types, attributes and elements that refer to them.
class SchemaGuide {
 public:
  /// A child that an element may hold.
  struct Child {
    std::string name;
    std::string type;
    bool required = false;
    bool repeatable = false;
  };
  /// What an element of one complex type may hold.
  struct Content {
    std::vector<Child> children;                    ///< in the order of the schema
    std::map<std::string, std::string> attributes;  ///< name, simple type
    bool ordered = false;                           ///< children stand in that order

    [[nodiscard]] const Child* child(std::string_view name) const;
    [[nodiscard]] std::vector<std::string> child_names() const;
    [[nodiscard]] std::vector<std::string> attribute_names() const;
  };
  /// A simple type: what to call a value of it, and the words it consists of, if it is a choice.
  struct Values {
    std::string phrase;
    std::vector<std::string> words;
  };

  /// `schema` is the root element of the schema document.
  explicit SchemaGuide(const XmlElement& schema);

  [[nodiscard]] std::vector<std::string> root_names() const;
  /// The type of a document's root element, or an empty view.
  [[nodiscard]] std::string_view root_type(std::string_view name) const;
  /// Null for types that hold no attributes and no elements, and for unknown names.
  [[nodiscard]] const Content* content(std::string_view type) const;
  [[nodiscard]] const Values* values(std::string_view type) const;

 private:
  std::map<std::string, std::string, std::less<>> roots_;
  std::map<std::string, Content, std::less<>> contents_;
  std::map<std::string, Values, std::less<>> values_;
};

}  // namespace mvm::model
