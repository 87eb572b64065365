// SPDX-License-Identifier: GPL-3.0-or-later
#include "schema_guide.hpp"

#include <algorithm>

namespace mvm::model {
namespace {

std::string value_of(const XmlElement& element, std::string_view attribute) {
  const auto* found = element.attribute(attribute);
  return found == nullptr ? std::string() : found->value;
}

/// Collects children and attributes of a complex type, through its compositors.
void read_content(const XmlElement& part, bool repeated, bool optional,
                  SchemaGuide::Content& content) {
  for (const auto& item : part.children) {
    const auto least = value_of(item, "minOccurs");
    const bool many = repeated || value_of(item, "maxOccurs") == "unbounded";
    const bool may_miss = optional || least == "0";
    if (item.name == "attribute") {
      content.attributes[value_of(item, "name")] = value_of(item, "type");
    } else if (item.name == "element") {
      content.children.push_back({value_of(item, "name"), value_of(item, "type"), !may_miss, many});
    } else if (item.name == "simpleContent" || item.name == "extension") {
      read_content(item, many, may_miss, content);
    } else if (item.name == "sequence" || item.name == "choice" || item.name == "all") {
      content.ordered = content.ordered || item.name == "sequence";
      read_content(item, many, may_miss || item.name == "choice", content);
    }
  }
}

std::string documentation(const XmlElement& type) {
  const auto* annotation = type.child("annotation");
  const auto* words = annotation == nullptr ? nullptr : annotation->child("documentation");
  return words == nullptr ? std::string() : words->words;
}

/// The words of an enumeration, without those that are only known so as to be refused by name.
void collect_words(const XmlElement& type, std::vector<std::string>& words) {
  for (const auto& item : type.children) {
    if (item.name == "enumeration" && !documentation(item).contains("not available")) {
      words.push_back(value_of(item, "value"));
    }
    collect_words(item, words);
  }
}

}  // namespace

SchemaGuide::SchemaGuide(const XmlElement& schema) {
  for (const auto& item : schema.children) {
    const auto name = value_of(item, "name");
    if (item.name == "element") roots_[name] = value_of(item, "type");
    if (item.name == "complexType") read_content(item, false, false, contents_[name]);
    if (item.name == "simpleType") {
      values_[name].phrase = documentation(item);
      collect_words(item, values_[name].words);
    }
  }
}

const SchemaGuide::Child* SchemaGuide::Content::child(std::string_view name) const {
  const auto found = std::ranges::find(children, name, &Child::name);
  return found == children.end() ? nullptr : &*found;
}

std::vector<std::string> SchemaGuide::Content::child_names() const {
  std::vector<std::string> names;
  for (const auto& child : children) names.push_back(child.name);
  return names;
}

std::vector<std::string> SchemaGuide::Content::attribute_names() const {
  std::vector<std::string> names;
  for (const auto& attribute : attributes) names.push_back(attribute.first);
  return names;
}

std::vector<std::string> SchemaGuide::root_names() const {
  std::vector<std::string> names;
  for (const auto& root : roots_) names.push_back(root.first);
  return names;
}

std::string_view SchemaGuide::root_type(std::string_view name) const {
  const auto found = roots_.find(name);
  return found == roots_.end() ? std::string_view() : found->second;
}

const SchemaGuide::Content* SchemaGuide::content(std::string_view type) const {
  const auto found = contents_.find(type);
  return found == contents_.end() ? nullptr : &found->second;
}

const SchemaGuide::Values* SchemaGuide::values(std::string_view type) const {
  const auto found = values_.find(type);
  return found == values_.end() ? nullptr : &found->second;
}

}  // namespace mvm::model
