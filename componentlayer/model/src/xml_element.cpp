// SPDX-License-Identifier: GPL-3.0-or-later
#include "xml_element.hpp"

#include <algorithm>

namespace mvm::model {
namespace {

void collect(const XmlElement& element, std::vector<const XmlElement*>& out) {
  out.push_back(&element);
  for (const auto& child : element.children) collect(child, out);
}

}  // namespace

const XmlAttribute* XmlElement::attribute(std::string_view wanted) const {
  const auto found = std::ranges::find(attributes, wanted, &XmlAttribute::name);
  return found == attributes.end() ? nullptr : &*found;
}

const XmlElement* XmlElement::child(std::string_view wanted) const {
  const auto found = std::ranges::find(children, wanted, &XmlElement::name);
  return found == children.end() ? nullptr : &*found;
}

std::vector<const XmlElement*> XmlElement::in_order() const {
  std::vector<const XmlElement*> out;
  collect(*this, out);
  return out;
}

std::string_view trim(std::string_view words) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto begin = words.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return words.substr(begin, words.find_last_not_of(kSpace) - begin + 1);
}

std::vector<std::string> split_words(std::string_view list) {
  constexpr std::string_view kBetween = " \t\r\n,";
  std::vector<std::string> words;
  for (auto begin = list.find_first_not_of(kBetween); begin != std::string_view::npos;
       begin = list.find_first_not_of(kBetween)) {
    list.remove_prefix(begin);
    words.emplace_back(list.substr(0, list.find_first_of(kBetween)));
    list.remove_prefix(words.back().size());
  }
  return words;
}

}  // namespace mvm::model
