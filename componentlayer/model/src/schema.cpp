// SPDX-License-Identifier: GPL-3.0-or-later
#include "schema.hpp"

#include <libxml/parser.h>
#include <libxml/xmlschemas.h>

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include <mvm/base/file.hpp>
#include <mvm/model/profile.hpp>

#include "schema_guide.hpp"
#include "schema_verdict.hpp"
#include "xml_document.hpp"

namespace mvm::model {
namespace {

/// Owns an object of libxml2.
template <typename Object, auto Free>
struct Freed {
  void operator()(Object* object) const { Free(object); }
};
using Doc = std::unique_ptr<xmlDoc, Freed<xmlDoc, xmlFreeDoc>>;
using ParserContext = std::unique_ptr<xmlParserCtxt, Freed<xmlParserCtxt, xmlFreeParserCtxt>>;
using SchemaParser =
    std::unique_ptr<xmlSchemaParserCtxt, Freed<xmlSchemaParserCtxt, xmlSchemaFreeParserCtxt>>;
using SchemaHandle = std::unique_ptr<xmlSchema, Freed<xmlSchema, xmlSchemaFree>>;
using Validator =
    std::unique_ptr<xmlSchemaValidCtxt, Freed<xmlSchemaValidCtxt, xmlSchemaFreeValidCtxt>>;

/// Never NOENT, DTDLOAD or HUGE: the library's own limits stay in force.
constexpr int kParserFlags = XML_PARSE_NONET | XML_PARSE_NOCDATA | XML_PARSE_BIG_LINES |
                             XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_COMPACT;

void start_library() {
  static std::once_flag once;
  std::call_once(once, [] { xmlInitParser(); });
}

std::string one_line(const char* message) {
  return message == nullptr ? std::string("no reason given") : std::string(trim(message));
}

/// Keeps the first fatal error: later ones follow from it.
void keep_first_error(void* context, xmlErrorPtr error) {
  auto* parser = static_cast<xmlParserCtxtPtr>(context);
  auto* kept = static_cast<std::optional<XmlRefusal>*>(parser->_private);
  if (!*kept && error->level >= XML_ERR_ERROR) {
    *kept = XmlRefusal{error->line, text("is not well-formed XML: ", one_line(error->message))};
    // Going on would cost: some errors are reported for every character that follows.
    xmlStopParser(parser);
  }
}

std::expected<Doc, XmlRefusal> parse(std::string_view xml) {
  const ParserContext parser(xmlNewParserCtxt());
  std::optional<XmlRefusal> refusal;
  parser->_private = &refusal;
  parser->sax->serror = keep_first_error;
  Doc doc(xmlCtxtReadMemory(parser.get(), xml.data(), static_cast<int>(xml.size()), nullptr,
                            "UTF-8", kParserFlags));
  if (refusal) return std::unexpected(std::move(*refusal));
  if (!doc) return std::unexpected(XmlRefusal{0, "is not well-formed XML"});
  return doc;
}

/// Writes each element's number in document order into the node, so that a verdict finds its way
/// to our own tree, also after nodes were taken out.
void number_elements(xmlNodePtr node, std::size_t& next) {
  node->_private = reinterpret_cast<void*>(next++);
  for (auto* child = node->children; child != nullptr; child = child->next) {
    if (child->type == XML_ELEMENT_NODE) number_elements(child, next);
  }
}

/// Leaves out what only people read, a good half of our schema: reading the schema is most of what
/// a command does for a small profile.
std::string without_words_for_people(std::string_view schema) {
  std::string bare;
  bare.reserve(schema.size());
  const auto behind = [&schema](std::string_view end) {
    const auto at = schema.find(end);
    return at == std::string_view::npos ? schema.size() : at + end.size();
  };
  while (!schema.empty()) {
    auto next = std::min(schema.find('<', 1), schema.size());
    if (schema.starts_with("<!--")) {
      next = behind("-->");
    } else if (schema.starts_with("<xs:annotation>")) {
      next = behind("</xs:annotation>");
    } else {
      bare.append(trim(schema.substr(0, next)));
    }
    schema.remove_prefix(next);
  }
  return bare;
}

struct RawFinding {
  Verdict verdict;
  std::size_t element;
  std::string attribute;
  std::string detail;
  auto operator<=>(const RawFinding&) const = default;
};

/// What the validator found in one pass.
struct Findings {
  std::set<RawFinding> all;
  std::vector<xmlNodePtr> unexpected;  ///< of this pass

  /// Nobody reads more; wording each of a hundred thousand would take long.
  [[nodiscard]] bool are_enough() const { return all.size() > kMaxDiagnostics; }
};

Verdict verdict_of(const xmlError& error) {
  switch (error.code) {
    case XML_SCHEMAV_ELEMENT_CONTENT: {
      const std::string_view message = error.message;
      return message.contains("Missing child") ? Verdict::kMissingChild
                                               : Verdict::kUnexpectedElement;
    }
    case XML_SCHEMAV_CVC_COMPLEX_TYPE_2_1:
      return Verdict::kUnexpectedElement;
    case XML_SCHEMAV_CVC_COMPLEX_TYPE_3_2_1:
    case XML_SCHEMAV_CVC_COMPLEX_TYPE_3_2_2:
    case XML_SCHEMAV_CVC_TYPE_3_1_1:
      return Verdict::kUnknownAttribute;
    case XML_SCHEMAV_CVC_COMPLEX_TYPE_4:
      return Verdict::kMissingAttribute;
    case XML_SCHEMAV_CVC_COMPLEX_TYPE_2_3:
      return Verdict::kStrayText;
    case XML_SCHEMAV_CVC_ELT_1:
      return Verdict::kUnknownRoot;
    default:
      break;
  }
  const bool facet = error.code >= XML_SCHEMAV_CVC_DATATYPE_VALID_1_2_1 &&
                     error.code <= XML_SCHEMAV_CVC_ENUMERATION_VALID;
  return facet ? Verdict::kBadValue : Verdict::kOther;
}

/// The name in "attribute 'name'" of the validator's message, without its namespace.
std::string attribute_of(std::string_view message) {
  constexpr std::string_view kMark = "ttribute '";
  const auto mark = message.find(kMark);
  if (mark == std::string_view::npos) return {};
  auto name = message.substr(mark + kMark.size());
  name = name.substr(0, name.find('\''));
  return std::string(name.substr(name.find('}') + 1));
}

/// The validator cannot be told to stop, but it walks the tree; so what it has not seen yet is
/// taken away. It is to be called while the validator is at `node`.
void cut_behind(xmlNodePtr node) {
  for (; node != nullptr && node->type == XML_ELEMENT_NODE; node = node->parent) {
    while (auto* unseen = node->next) {
      xmlUnlinkNode(unseen);
      xmlFreeNode(unseen);
    }
  }
}

void collect_finding(void* context, xmlErrorPtr error) {
  auto& findings = *static_cast<Findings*>(context);
  auto* node = static_cast<xmlNodePtr>(error->node);
  if (node == nullptr || findings.are_enough()) return;
  if (node->type == XML_ATTRIBUTE_NODE) node = node->parent;
  const auto message = one_line(error->message);
  const auto verdict = verdict_of(*error);
  const auto number = reinterpret_cast<std::size_t>(node->_private);
  // The validator words one bad value in up to two ways; the words are ours, so it counts once.
  const bool ours = verdict != Verdict::kOther;
  findings.all.insert({verdict, number, attribute_of(message), ours ? std::string() : message});
  if (verdict == Verdict::kUnexpectedElement && node->parent != nullptr &&
      node->parent->type == XML_ELEMENT_NODE) {
    findings.unexpected.push_back(node);
  }
  if (findings.are_enough()) cut_behind(node);
}

/// The validator skips what follows an unexpected element. Taking such elements out and looking
/// again finds everything in one go. Each pass costs a whole validation, hence the limit.
constexpr int kMaxPasses = 20;
constexpr std::size_t kManyPassesUpTo = 256 << 10;  // bytes of text

void validate(xmlSchemaPtr schema, xmlDocPtr doc, int passes, Findings& findings) {
  for (int pass = 0; pass < passes; ++pass) {
    findings.unexpected.clear();
    const Validator validator(xmlSchemaNewValidCtxt(schema));
    xmlSchemaSetValidStructuredErrors(validator.get(), collect_finding, &findings);
    xmlSchemaValidateDoc(validator.get(), doc);
    if (findings.unexpected.empty() || findings.are_enough()) return;
    for (auto* node : std::set(findings.unexpected.begin(), findings.unexpected.end())) {
      xmlUnlinkNode(node);
      xmlFreeNode(node);
    }
  }
}

}  // namespace

struct Schema::Parsed {
  SchemaHandle handle;
  std::string source;

  /// Made when first needed: most profiles keep to the schema, and never need to be told what it
  /// allows.
  [[nodiscard]] const SchemaGuide& guide() const {
    std::call_once(guide_once_, [this] {
      const auto tree = parse_xml(source);
      guide_ = std::make_unique<SchemaGuide>(tree ? *tree : XmlElement());
    });
    return *guide_;
  }

 private:
  mutable std::once_flag guide_once_;
  mutable std::unique_ptr<SchemaGuide> guide_;
};

Schema::Schema(std::unique_ptr<Parsed> parsed) : parsed_(std::move(parsed)) {}
Schema::~Schema() = default;

Result<std::shared_ptr<const Schema>> Schema::load(const std::filesystem::path& file) {
  static std::mutex mutex;
  // Never destroyed: to free a schema takes its time, and the process ends anyway.
  static auto& loaded = *new std::map<std::filesystem::path, std::shared_ptr<const Schema>>;
  const std::scoped_lock lock(mutex);
  if (const auto found = loaded.find(file); found != loaded.end()) return found->second;

  start_library();
  auto source = read_file(file, kMaxDocument);
  if (!source) {
    return fail(ErrorCode::kNotFound, "the profile schema cannot be read: ", source.error().message,
                "; install MVM anew or name it by MVM_PROFILE_PATH");
  }
  const auto doc = parse(without_words_for_people(*source));
  SchemaHandle handle;
  if (doc) {
    const SchemaParser parser(xmlSchemaNewDocParserCtxt(doc->get()));
    xmlSchemaSetParserStructuredErrors(parser.get(), [](void*, xmlErrorPtr) {}, nullptr);
    handle.reset(xmlSchemaParse(parser.get()));
  }
  if (!handle) {
    return fail(ErrorCode::kInvalidProfile, file.string(), " is not an XML schema");
  }
  auto parsed = std::make_unique<Parsed>();
  parsed->handle = std::move(handle);
  parsed->source = *std::move(source);
  return loaded[file] = std::shared_ptr<const Schema>(new Schema(std::move(parsed)));
}

std::expected<CheckedDocument, XmlRefusal> Schema::check(std::string_view xml) const {
  if (auto refusal = scan_xml(xml)) return std::unexpected(std::move(*refusal));
  const auto doc = parse(xml);
  if (!doc) return std::unexpected(doc.error());
  auto tree = parse_xml(xml);
  if (!tree) return std::unexpected(XmlRefusal{0, "is " + tree.error().message});

  std::size_t elements = 0;
  number_elements(xmlDocGetRootElement(doc->get()), elements);
  if (elements != tree->in_order().size()) {
    return std::unexpected(
        XmlRefusal{0, "is read differently by two XML parsers; write it plainly"});
  }

  Findings findings;
  const int passes = xml.size() <= kManyPassesUpTo ? kMaxPasses : 1;
  validate(parsed_->handle.get(), doc->get(), passes, findings);
  CheckedDocument checked{std::move(*tree), {}};
  if (findings.all.empty()) return checked;
  const VerdictWords words(parsed_->guide(), checked.root);
  for (const auto& raw : findings.all) {
    checked.findings.push_back(
        {raw.element, raw.attribute,
         words.explain(raw.verdict, raw.element, raw.attribute, raw.detail)});
  }
  return checked;
}

}  // namespace mvm::model
