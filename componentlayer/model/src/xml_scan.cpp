// SPDX-License-Identifier: GPL-3.0-or-later
#include "xml_scan.hpp"

#include <algorithm>

#include <mvm/base/text.hpp>
#include <mvm/model/profile.hpp>

namespace mvm::model {
namespace {

class Scanner {
 public:
  explicit Scanner(std::string_view xml) : xml_(xml) {}

  std::optional<XmlRefusal> run() {
    if (xml_.size() > kMaxDocument.count) {
      return XmlRefusal{
          0, text("is larger than ", to_string(kMaxDocument), ", the limit of a document")};
    }
    if (const auto nul = xml_.find('\0'); nul != std::string_view::npos) {
      return refuse(nul, "is not XML in UTF-8: it holds a zero byte");
    }
    if (xml_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    if (xml_.substr(at_).starts_with("<?xml")) {
      if (auto refusal = check_declaration()) return refusal;
    }
    while ((at_ = xml_.find('<', at_)) != std::string_view::npos) {
      if (auto refusal = step()) return refusal;
    }
    return {};
  }

 private:
  [[nodiscard]] XmlRefusal refuse(std::size_t offset, std::string message) const {
    const auto lines = std::ranges::count(xml_.substr(0, offset), '\n');
    return {static_cast<int>(lines) + 1, std::move(message)};
  }

  /// Behind the next `end`, or the end of the text.
  void skip_past(std::string_view end, std::size_t from) {
    const auto found = xml_.find(end, from);
    at_ = found == std::string_view::npos ? xml_.size() : found + end.size();
  }

  /// A declared encoding changes what the bytes mean, so only one is read.
  std::optional<XmlRefusal> check_declaration() {
    const auto begin = at_;
    skip_past("?>", at_);
    const auto declaration = xml_.substr(begin, at_ - begin);
    const auto name = declaration.find("encoding");
    if (name == std::string_view::npos) return {};
    const auto quote = declaration.find_first_of("\"'", name);
    if (quote == std::string_view::npos) return {};
    const auto value =
        declaration.substr(quote + 1, declaration.find(declaration[quote], quote + 1) - quote - 1);
    std::string lower(value.substr(0, 32));
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) {
      return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    });
    if (lower == "utf-8" || lower == "utf8" || lower == "us-ascii") return {};
    return refuse(begin, text("is encoded in ", value.substr(0, 32), "; save it as UTF-8"));
  }

  /// One construct that begins with '<'.
  std::optional<XmlRefusal> step() {
    const auto rest = xml_.substr(at_);
    if (rest.starts_with("<!--")) return skip_past("-->", at_ + 4), std::nullopt;
    if (rest.starts_with("<![CDATA[")) return skip_past("]]>", at_ + 9), std::nullopt;
    if (rest.starts_with("<?")) return skip_past("?>", at_ + 2), std::nullopt;
    if (rest.starts_with("<!")) {
      return refuse(at_,
                    "holds a DOCTYPE; remove it: a profile has no entities and is checked "
                    "against MVM's own schema");
    }
    if (rest.starts_with("</")) {
      depth_ -= depth_ > 0 ? 1 : 0;
      skip_past(">", at_);
      return {};
    }
    return scan_start_tag();
  }

  std::optional<XmlRefusal> scan_start_tag() {
    const auto begin = at_++;
    if (++elements_ > kMaxElements) {
      return refuse(begin, text("has more than ", kMaxElements, " elements"));
    }
    if (++depth_ > kMaxDepth) {
      return refuse(begin, text("nests elements deeper than ", kMaxDepth, " levels"));
    }
    std::uint32_t attributes = 0;
    while ((at_ = xml_.find_first_of("\"'>", at_)) != std::string_view::npos) {
      if (xml_[at_] == '>') {
        if (xml_[at_ - 1] == '/') --depth_;
        ++at_;
        return {};
      }
      if (++attributes > kMaxAttributes) {
        return refuse(begin, text("has an element with more than ", kMaxAttributes, " attributes"));
      }
      if (++attributes_ > kMaxAttributesInAll) {
        return refuse(begin, text("has more than ", kMaxAttributesInAll, " attributes"));
      }
      const auto end = xml_.find(xml_[at_], at_ + 1);
      if (std::min(end, xml_.size()) - at_ > kMaxValueLength) {
        return refuse(begin, text("has an attribute of more than ", kMaxValueLength, " bytes"));
      }
      at_ = end;
      if (at_ == std::string_view::npos) break;
      ++at_;
    }
    at_ = xml_.size();
    return {};
  }

  std::string_view xml_;
  std::size_t at_ = 0;
  std::uint32_t depth_ = 0;
  std::uint32_t elements_ = 0;
  std::uint32_t attributes_ = 0;
};

}  // namespace

std::optional<XmlRefusal> scan_xml(std::string_view xml) {
  return Scanner(xml).run();
}

}  // namespace mvm::model
