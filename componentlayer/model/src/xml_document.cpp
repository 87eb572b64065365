// SPDX-License-Identifier: GPL-3.0-or-later
#include "xml_document.hpp"

#include <algorithm>
#include <pugixml.hpp>

#include <mvm/model/profile.hpp>

namespace mvm::model {
namespace {

/// Turns a position in the text into a line. The parser leaves names where they stood, so a
/// pointer to a name is a position.
class LineFinder {
 public:
  explicit LineFinder(std::string_view xml) : begin_(xml.data()) {
    for (std::size_t at = xml.find('\n'); at != std::string_view::npos;
         at = xml.find('\n', at + 1)) {
      ends_.push_back(begin_ + at);
    }
  }
  [[nodiscard]] int line_of(const char* position) const {
    return static_cast<int>(std::ranges::lower_bound(ends_, position) - ends_.begin()) + 1;
  }

 private:
  const char* begin_;
  std::vector<const char*> ends_;
};

std::string_view without_prefix(std::string_view name) {
  const auto colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

class TreeBuilder {
 public:
  explicit TreeBuilder(const LineFinder& lines) : lines_(lines) {}

  /// Recursion is bounded: `scan_xml` refused what is deeper than kMaxDepth; a text that misled
  /// the scan is cut here.
  XmlElement build(pugi::xml_node node, std::uint32_t depth = 1) {
    XmlElement element;
    element.name = without_prefix(node.name());
    element.number = next_number_++;
    element.line = lines_.line_of(node.name());
    for (const auto attribute : node.attributes()) {
      element.attributes.push_back(
          {attribute.name(), attribute.value(), lines_.line_of(attribute.name())});
    }
    for (const auto child : node.children()) {
      if (child.type() == pugi::node_element && depth < kMaxDepth) {
        element.children.push_back(build(child, depth + 1));
      } else if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) {
        element.words += child.value();
      }
    }
    element.words = trim(element.words);
    return element;
  }

 private:
  const LineFinder& lines_;
  std::size_t next_number_ = 0;
};

}  // namespace

Result<XmlElement> parse_xml(std::string_view xml) {
  std::string buffer(xml);
  const LineFinder lines(buffer);
  pugi::xml_document document;
  const auto parsed = document.load_buffer_inplace(buffer.data(), buffer.size(),
                                                   pugi::parse_default, pugi::encoding_utf8);
  if (!parsed || !document.document_element()) {
    return fail(ErrorCode::kInvalidProfile, "not well-formed XML: ", parsed.description());
  }
  return TreeBuilder(lines).build(document.document_element());
}

}  // namespace mvm::model
