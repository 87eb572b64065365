// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reading.hpp"
#include "schema.hpp"

namespace mvm::model {

enum class Followed {
  kNoReference,  ///< the element has no `ref=`: its own content counts
  kVisited,
  kFailed,  ///< what the reference leads to is not known; somebody complained
};

/// Where documents come from: finds what a `ref=` names, beside the document that refers to it and
/// then in the profile folders, and reads each file once.
class DocumentLibrary {
 public:
  DocumentLibrary(const Schema& schema, std::vector<std::filesystem::path> folders,
                  Diagnostics& diagnostics)
      : schema_(schema), folders_(std::move(folders)), diagnostics_(diagnostics) {}

  /// Reads a text as a document. Null when it is none, or wrong all over; complaints are added.
  const Document* add(std::string_view xml, const std::string& shown,
                      const std::filesystem::path& folder);

  /// If `element` has a `ref=`: reads the document that it names, with the parameters that its
  /// `<set>` children give, and calls `visit` with the document's root.
  Followed follow(const XmlElement& element, Reading& reading,
                  const std::function<void(const XmlElement&, Reading&)>& visit);

 private:
  struct Found {
    std::filesystem::path file;
    std::string shown;
  };
  [[nodiscard]] std::optional<Found> find(const std::string& name, const Document& from) const;
  /// What `wanted` could have been: the documents in the folders where it was looked for.
  [[nodiscard]] std::vector<std::string> names_beside(const std::filesystem::path& wanted,
                                                      const Document& from) const;
  const Document* open(const Found& found, const XmlElement& element, Reading& reading);
  void refuse_own_content(const XmlElement& element, Reading& reading);

  const Schema& schema_;
  std::vector<std::filesystem::path> folders_;
  Diagnostics& diagnostics_;
  std::map<std::filesystem::path, std::unique_ptr<Document>> documents_;  ///< by file; null: bad
};

/// Documents may refer to documents, this often.
inline constexpr std::size_t kMaxReferences = 16;

}  // namespace mvm::model
