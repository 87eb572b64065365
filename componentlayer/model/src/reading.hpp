// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mvm/base/text.hpp>
#include <mvm/model/profile.hpp>

#include "schema.hpp"

namespace mvm::model {

/// A document that was read and checked against the schema.
struct Document {
  XmlElement root;
  std::string shown;             ///< its name in messages
  std::filesystem::path folder;  ///< absolute; relative names in it start here
  std::set<std::pair<std::size_t, std::string>> found;  ///< element, attribute: already complained
};

/// A document while its meaning is read: attributes with their expressions evaluated, and
/// complaints that know their place. A value that cannot be had is complained about once, by the
/// schema or by the first who asks, and is then simply absent.
class Reading {
 public:
  Reading(const Document& document, Diagnostics& diagnostics)
      : document_(document), diagnostics_(diagnostics) {}

  [[nodiscard]] const Document& document() const { return document_; }
  [[nodiscard]] const Scope& scope() const { return scope_; }
  [[nodiscard]] Place place(const XmlElement& element) const;

  /// So many complaints that nobody will read further ones. From then on no value can be had and no
  /// complaint is added, so that what is left costs nothing.
  [[nodiscard]] bool has_enough() const { return diagnostics_.size() > kMaxDiagnostics; }

  /// Names of documents that referred to this one, the profile first.
  std::vector<std::string> chain;

  void define(const std::string& name, Value value) { scope_[name] = std::move(value); }
  /// A parameter without a usable value: expressions that use it are not evaluated.
  void define_unknown(const std::string& name) { unknown_.insert(name); }

  /// True when all attributes of the element could be read, those named `harmless` aside; an
  /// attribute that the schema does not know counts, because it may be the misspelt name of one.
  [[nodiscard]] bool is_clear(const XmlElement& element,
                              const std::vector<std::string_view>& harmless = {}) const;

  /// Complains about an attribute; about the element when `attribute` is empty. Silent where the
  /// schema already complained.
  template <typename... Pieces>
  void complain(const XmlElement& element, std::string_view attribute, const Pieces&... pieces) {
    add(element, attribute, text(pieces...));
  }
  /// The same for a value that is not what it should be.
  void complain_value(const XmlElement& element, std::string_view attribute, std::string_view value,
                      std::string_view complaint);

  /// An attribute's value. Nothing when it is absent or wrong.
  [[nodiscard]] std::optional<std::string> words(const XmlElement& element,
                                                 std::string_view attribute);
  [[nodiscard]] std::optional<std::uint32_t> whole(const XmlElement& element,
                                                   std::string_view attribute, std::uint32_t least,
                                                   std::uint32_t most);
  [[nodiscard]] std::optional<double> number(const XmlElement& element, std::string_view attribute);
  [[nodiscard]] std::optional<Bytes> size(const XmlElement& element, std::string_view attribute);
  [[nodiscard]] std::optional<Duration> duration(const XmlElement& element,
                                                 std::string_view attribute);
  [[nodiscard]] std::optional<bool> flag(const XmlElement& element, std::string_view attribute);

  /// A word out of a list. `later` are words that the format knows and this version does not.
  template <typename Meaning>
  [[nodiscard]] std::optional<Meaning> choice(
      const XmlElement& element, std::string_view attribute,
      const std::vector<std::pair<std::string, Meaning>>& known,
      const std::vector<std::string>& later = {}) {
    const auto value = words(element, attribute);
    if (!value) return {};
    std::vector<std::string> allowed;
    for (const auto& [word, meaning] : known) {
      if (word == *value) return meaning;
      allowed.push_back(word);
    }
    refuse_choice(element, attribute, *value, allowed, later);
    return {};
  }

  /// The element's own text, expressions evaluated.
  [[nodiscard]] std::optional<std::string> content(const XmlElement& element);

  /// Checks words whose expressions are evaluated later, per task, with `index` and `count`.
  [[nodiscard]] bool check_task_words(const XmlElement& element, std::string_view attribute,
                                      const std::string& words, std::uint32_t count);

 private:
  void add(const XmlElement& element, std::string_view attribute, std::string message);
  void refuse_choice(const XmlElement& element, std::string_view attribute,
                     const std::string& value, const std::vector<std::string>& allowed,
                     const std::vector<std::string>& later);
  [[nodiscard]] std::optional<std::string> expanded(const XmlElement& element,
                                                    std::string_view attribute,
                                                    const std::string& raw, const Scope& scope);

  const Document& document_;
  Diagnostics& diagnostics_;
  Scope scope_;
  std::set<std::string> unknown_;
  std::set<std::pair<std::size_t, std::string>> doubtful_;  ///< element, attribute: without a value
};

}  // namespace mvm::model
