// SPDX-License-Identifier: GPL-3.0-or-later
#include "document_library.hpp"

#include <algorithm>

#include <mvm/base/file.hpp>

#include "parameters.hpp"
#include "wording.hpp"

namespace mvm::model {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kExtension = ".mvm.xml";

/// "a name, not a path out of the folder": a reference never leaves the profile folders.
bool is_reference(const std::string& name) {
  const fs::path path(name);
  return !name.empty() && path.is_relative() &&
         std::ranges::none_of(path, [](const auto& part) { return part == ".."; });
}

std::string chain_words(const std::vector<std::string>& chain, const std::string& last) {
  std::string words;
  for (const auto& link : chain) words += link + " → ";
  return words + last;
}

GivenValues given_values(const XmlElement& element, Reading& reading) {
  GivenValues given;
  for (const auto& child : element.children) {
    if (child.name != "set") continue;
    const auto name = reading.words(child, "name");
    const auto value = reading.words(child, "value");
    if (!name || !value) continue;
    const auto origin = text("<set name=\"", *name, "\" value=\"", excerpt(*value), "\"/>");
    if (!given.emplace(*name, GivenValue{*value, origin, reading.place(child)}).second) {
      reading.complain(child, "name", "'", *name, "' is set twice; remove one");
    }
  }
  return given;
}

}  // namespace

const Document* DocumentLibrary::add(std::string_view xml, const std::string& shown,
                                     const fs::path& folder) {
  auto checked = schema_.check(xml);
  if (!checked) {
    const auto& refusal = checked.error();
    diagnostics_.push_back({shown, refusal.line, text("the document ", refusal.message)});
    return nullptr;
  }
  auto document = std::make_unique<Document>();
  document->root = std::move(checked->root);
  document->shown = shown;
  document->folder = folder;
  const auto elements = document->root.in_order();
  for (auto& finding : checked->findings) {
    const auto& element = *elements[finding.element];
    const auto* attribute = element.attribute(finding.attribute);
    const int line = attribute == nullptr ? element.line : attribute->line;
    diagnostics_.push_back({shown, line, std::move(finding.message)});
    document->found.emplace(finding.element, std::move(finding.attribute));
  }
  // So much is wrong with it that reading on would say nothing that anybody reads.
  if (document->found.size() > kMaxDiagnostics) return nullptr;
  auto& slot = documents_[shown];
  slot = std::move(document);
  return slot.get();
}

std::optional<DocumentLibrary::Found> DocumentLibrary::find(const std::string& name,
                                                            const Document& from) const {
  std::error_code error;
  const auto beside = fs::path(from.shown).parent_path();
  for (const auto& file_name : {name + std::string(kExtension), name}) {
    if (const auto file = from.folder / file_name; fs::is_regular_file(file, error)) {
      return Found{file, (beside / file_name).lexically_normal().string()};
    }
  }
  for (const auto& folder : folders_) {
    for (const auto& file_name : {name + std::string(kExtension), name}) {
      if (const auto file = folder / file_name; fs::is_regular_file(file, error)) {
        return Found{file, file.string()};
      }
    }
  }
  return {};
}

std::vector<std::string> DocumentLibrary::names_beside(const fs::path& wanted,
                                                       const Document& from) const {
  std::vector<std::string> names;
  auto folders = folders_;
  folders.insert(folders.begin(), from.folder);
  for (const auto& folder : folders) {
    std::error_code error;
    for (fs::directory_iterator entry(folder / wanted.parent_path(), error), end;
         !error && entry != end; entry.increment(error)) {
      const auto name = entry->path().filename().string();
      if (!name.ends_with(kExtension)) continue;
      names.push_back(wanted.parent_path() / name.substr(0, name.size() - kExtension.size()));
    }
  }
  std::ranges::sort(names);
  return names;
}

const Document* DocumentLibrary::open(const Found& found, const XmlElement& element,
                                      Reading& reading) {
  if (const auto known = documents_.find(found.shown); known != documents_.end()) {
    return known->second.get();
  }
  const auto xml = read_file(found.file, kMaxDocument);
  if (!xml) {
    reading.complain(element, "ref", "ref: ", xml.error().message);
    return nullptr;
  }
  const auto* document = add(*xml, found.shown, found.file.parent_path());
  if (document == nullptr) documents_[found.shown] = nullptr;
  return document;
}

void DocumentLibrary::refuse_own_content(const XmlElement& element, Reading& reading) {
  for (const auto& child : element.children) {
    if (child.name == "set" || child.name == "param") continue;
    reading.complain(child, "", "<", element.name, "> has a ref and content of its own; remove <",
                     child.name, "> or the ref");
  }
}

Followed DocumentLibrary::follow(const XmlElement& element, Reading& reading,
                                 const std::function<void(const XmlElement&, Reading&)>& visit) {
  if (element.attribute("ref") == nullptr) {
    for (const auto& child : element.children) {
      if (child.name != "set") continue;
      reading.complain(child, "", "<set> gives parameters to a referred document, but <",
                       element.name, "> has no ref; add ref= or remove <set>");
    }
    return Followed::kNoReference;
  }
  refuse_own_content(element, reading);
  const auto name = reading.words(element, "ref");
  if (!name) return Followed::kFailed;
  if (!is_reference(*name)) {
    reading.complain_value(element, "ref", *name,
                           "is not the name of a document, without '..' or a leading '/'");
    return Followed::kFailed;
  }
  const auto found = find(*name, reading.document());
  if (!found) {
    reading.complain_value(
        element, "ref", *name,
        text("is not found beside this file nor in ",
             folders_.empty() ? std::string("any profile folder") : "the profile folders",
             did_you_mean(*name, names_beside(*name, reading.document())), " (looked for ", *name,
             kExtension, ")"));
    return Followed::kFailed;
  }
  if (std::ranges::find(reading.chain, found->shown) != reading.chain.end()) {
    reading.complain(element, "ref", "documents refer to each other in a circle: ",
                     chain_words(reading.chain, found->shown));
    return Followed::kFailed;
  }
  if (reading.chain.size() > kMaxReferences) {
    reading.complain(element, "ref", "references are nested deeper than ", kMaxReferences, ": ",
                     chain_words(reading.chain, found->shown));
    return Followed::kFailed;
  }
  const auto* document = open(*found, element, reading);
  if (document == nullptr) return Followed::kFailed;
  if (document->root.name != element.name) {
    reading.complain(element, "ref", "ref=\"", *name, "\" in <", element.name, "> names ",
                     found->shown, ", which is a <", document->root.name, "> document; a <",
                     element.name, "> document is needed");
    return Followed::kFailed;
  }
  Reading inner(*document, diagnostics_);
  inner.chain = reading.chain;
  inner.chain.push_back(found->shown);
  read_parameters(inner, given_values(element, reading), diagnostics_);
  visit(document->root, inner);
  return Followed::kVisited;
}

}  // namespace mvm::model
