// SPDX-License-Identifier: GPL-3.0-or-later
#include "schema_verdict.hpp"

#include <mvm/base/text.hpp>

#include "wording.hpp"

namespace mvm::model {
VerdictWords::VerdictWords(const SchemaGuide& guide, const XmlElement& root) : guide_(guide) {
  place(root, nullptr, guide.root_type(root.name));
}

void VerdictWords::place(const XmlElement& element, const XmlElement* parent,
                         std::string_view type) {
  positions_.push_back({&element, parent, type});
  const auto* content = guide_.content(type);
  for (const auto& child : element.children) {
    const auto* known = content == nullptr ? nullptr : content->child(child.name);
    place(child, &element, known == nullptr ? std::string_view() : known->type);
  }
}

std::string VerdictWords::explain(Verdict verdict, std::size_t element, std::string_view attribute,
                                  std::string_view detail) const {
  const auto& position = positions_[element];
  const auto& name = position.element->name;
  switch (verdict) {
    case Verdict::kUnexpectedElement:
      return unexpected_element(position);
    case Verdict::kMissingChild:
      return missing_child(position);
    case Verdict::kUnknownAttribute:
      return unknown_attribute(position, attribute);
    case Verdict::kMissingAttribute:
      return text("<", name, "> needs the attribute '", attribute, "'");
    case Verdict::kBadValue:
      return bad_value(position, attribute);
    case Verdict::kStrayText:
      return text("<", name, "> holds no text; remove '", excerpt(position.element->words), "'");
    case Verdict::kUnknownRoot:
      if (!guide_.root_type(name).empty()) {
        return text("<", name, "> is not in MVM's namespace; write <", name,
                    " xmlns=\"urn:mvm:profile:1\" …>");
      }
      return text("<", name, "> is not a document of MVM",
                  meant_or_allowed(name, guide_.root_names()));
    case Verdict::kOther:
      break;
  }
  return text("<", name, ">: ", detail);
}

std::string VerdictWords::unexpected_element(const Position& position) const {
  const auto& name = position.element->name;
  if (position.parent == nullptr) return text("<", name, "> is not expected here");
  const auto& parent = *position.parent;
  const auto* content = guide_.content(positions_[parent.number].type);
  if (content == nullptr || content->children.empty()) {
    return text("<", parent.name, "> holds no elements; remove <", name, ">");
  }
  const auto allowed = content->child_names();
  const auto* known = content->child(name);
  if (known == nullptr) {
    return text("<", parent.name, "> has no element <", excerpt(name), ">",
                meant_or_allowed(name, allowed));
  }
  const auto* first = parent.child(name);
  if (!known->repeatable && first != position.element) {
    return text("<", parent.name, "> holds at most one <", name, ">; the first is in line ",
                first->line);
  }
  return text("<", name, "> is out of place; the order in <", parent.name,
              "> is: ", list_of(allowed));
}

std::string VerdictWords::missing_child(const Position& position) const {
  std::vector<std::string> missing;
  if (const auto* content = guide_.content(position.type)) {
    for (const auto& child : content->children) {
      if (child.required && position.element->child(child.name) == nullptr) {
        missing.push_back(text("<", child.name, ">"));
      }
    }
  }
  return text("<", position.element->name, "> ends too early; it needs ",
              missing.empty() ? std::string("more elements") : list_of(missing));
}

std::string VerdictWords::unknown_attribute(const Position& position,
                                            std::string_view attribute) const {
  const auto* content = guide_.content(position.type);
  const auto allowed = content == nullptr ? std::vector<std::string>() : content->attribute_names();
  const auto& name = position.element->name;
  if (allowed.empty()) return text("<", name, "> has no attributes; remove '", attribute, "'");
  return text("<", name, "> has no attribute '", excerpt(attribute), "'",
              meant_or_allowed(attribute, allowed));
}

std::string VerdictWords::bad_value(const Position& position, std::string_view attribute) const {
  const auto& element = *position.element;
  const auto* content = guide_.content(position.type);
  std::string_view type = position.type;
  std::string_view value = element.words;
  if (attribute.empty() && value.empty()) return text("<", element.name, "> must not be empty");
  std::string what = text("the text of <", element.name, ">");
  if (!attribute.empty()) {
    const auto* written = element.attribute(attribute);
    value = written == nullptr ? std::string_view() : written->value;
    what = text(attribute, "=\"", excerpt(value), "\" in <", element.name, ">");
    if (content != nullptr && content->attributes.contains(std::string(attribute))) {
      type = content->attributes.at(std::string(attribute));
    }
  }
  const auto* values = guide_.values(type);
  if (values == nullptr) return text(what, " does not fit");
  if (values->words.empty()) return text(what, " is not ", values->phrase);
  return text(what, " is not ", values->phrase, meant_or_allowed(value, values->words));
}

}  // namespace mvm::model
