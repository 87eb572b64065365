// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <mvm/base/result.hpp>

#include "xml_element.hpp"
#include "xml_scan.hpp"

namespace mvm::model {

/// One way in which a document breaks the schema.
struct SchemaFinding {
  std::size_t element = 0;  ///< XmlElement::number
  std::string attribute;    ///< empty when the element itself is meant
  std::string message;      ///< for people: what is wrong, what is allowed, what was meant
};

/// A well-formed document and everything in which it breaks the schema.
struct CheckedDocument {
  XmlElement root;
  std::vector<SchemaFinding> findings;
};

/// A parsed XML schema. Immutable and thread safe.
class Schema {
 public:
  /// Reads a schema file; a file is parsed once per process. kNotFound, kInvalidProfile.
  [[nodiscard]] static Result<std::shared_ptr<const Schema>> load(
      const std::filesystem::path& file);

  /// Parses a document and checks it. Nothing outside of `xml` is read: no network, no files, no
  /// entities. The error is that of a text which is hostile or not well-formed.
  [[nodiscard]] std::expected<CheckedDocument, XmlRefusal> check(std::string_view xml) const;

  ~Schema();
  Schema(const Schema&) = delete;
  Schema& operator=(const Schema&) = delete;

 private:
  struct Parsed;
  explicit Schema(std::unique_ptr<Parsed> parsed);

  std::unique_ptr<Parsed> parsed_;
};

}  // namespace mvm::model
