// SPDX-License-Identifier: GPL-3.0-or-later
// A reader of the part of Graphviz's DOT language that describes a graph, and not its drawing.
// Grammar: https://graphviz.org/doc/info/lang.html
#include <algorithm>
#include <cctype>
#include <map>
#include <optional>

#include "shapes/graph_file.hpp"

#include <mvm/model/shape.hpp>

namespace mvm::model {

namespace {

struct Token {
  enum class Kind { kEnd, kWord, kSymbol, kBad };
  Kind kind = Kind::kEnd;
  std::string words;  ///< of kWord: the identifier, unquoted; of kSymbol: ; , = : [ ] { } -> --
  bool quoted = false;
  int line = 1;

  [[nodiscard]] bool is(std::string_view symbol) const {
    return kind == Kind::kSymbol && words == symbol;
  }
  [[nodiscard]] bool is_keyword(std::string_view keyword) const {
    return kind == Kind::kWord && !quoted &&
           std::ranges::equal(words, keyword, {}, [](unsigned char c) { return std::tolower(c); });
  }
};

class DotScanner {
 public:
  explicit DotScanner(std::string_view content) : rest_(content) {}

  Token next() {
    skip_space();
    Token token;
    token.line = line_;
    if (rest_.empty()) return token;
    const char c = rest_.front();
    if (c == '"') return quoted(token);
    if (is_word(c) || c == '.' || (c == '-' && rest_.size() > 1 && is_number(rest_[1]))) {
      return plain(token);
    }
    token.kind = Token::Kind::kSymbol;
    if (rest_.starts_with("->") || rest_.starts_with("--")) {
      token.words = take(2);
    } else {
      token.words = take(1);
      if (std::string_view(";,=:[]{}").find(c) == std::string_view::npos) {
        token.kind = Token::Kind::kBad;
      }
    }
    return token;
  }

 private:
  static bool is_number(char c) { return (c >= '0' && c <= '9') || c == '.'; }
  static bool is_word(char c) {  // bytes from 128 are letters of UTF-8
    return is_number(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           static_cast<unsigned char>(c) >= 128;
  }

  std::string take(std::size_t length) {
    const auto taken = rest_.substr(0, length);
    line_ += static_cast<int>(std::ranges::count(taken, '\n'));
    at_line_start_ = taken.ends_with('\n');
    rest_.remove_prefix(taken.size());
    return std::string(taken);
  }

  void skip_space() {
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (c == '\n' || c == ' ' || c == '\t' || c == '\r') {
        take(1);
      } else if (rest_.starts_with("//") || (c == '#' && at_line_start_)) {
        take(std::min(rest_.find('\n'), rest_.size()));
      } else if (rest_.starts_with("/*")) {
        const auto end = rest_.find("*/", 2);
        take(end == std::string_view::npos ? rest_.size() : end + 2);
      } else {
        return;
      }
    }
  }

  Token plain(Token token) {
    token.kind = Token::Kind::kWord;
    std::size_t length = 1;
    while (length < rest_.size() && is_word(rest_[length])) ++length;
    token.words = take(length);
    return token;
  }

  Token quoted(Token token) {
    std::size_t end = 1;
    while (end < rest_.size() && rest_[end] != '"') {
      if (rest_[end] == '\\' && end + 1 < rest_.size()) {
        if (rest_[end + 1] == '"') ++end;
      }
      token.words += rest_[end++];
    }
    token.kind = end < rest_.size() ? Token::Kind::kWord : Token::Kind::kBad;
    token.quoted = true;
    if (token.kind == Token::Kind::kBad) token.words = "a string without its closing quote";
    take(end + 1);
    return token;
  }

  std::string_view rest_;
  int line_ = 1;
  bool at_line_start_ = true;  // where '#' begins a comment
};

class DotReader {
 public:
  DotReader(std::string_view content, const std::string& shown)
      : scanner_(content), shown_(shown), token_(scanner_.next()) {}

  Result<GraphFile> read() {
    if (token_.is_keyword("strict")) {
      return fail_here("'strict' is not read: remove it, and edges that are there twice");
    }
    directed_ = token_.is_keyword("digraph");
    if (!directed_ && !token_.is_keyword("graph")) {
      return fail_here("expected 'graph' or 'digraph'");
    }
    advance();
    if (token_.kind == Token::Kind::kWord) advance();  // the graph's own name
    if (!token_.is("{")) return fail_here("expected '{'");
    if (auto done = read_statements(); !done) return fail(done.error());
    if (token_.kind != Token::Kind::kEnd) return fail_here("expected the end of the file");
    return std::move(file_);
  }

 private:
  using Attributes = std::map<std::string, std::string, std::less<>>;

  /// One end of an edge as written: `a` or `a:port`; a compass point after the port is passed over.
  struct End {
    std::uint32_t vertex = 0;
    std::string port;
  };

  // Groups are not nested by recursion, but counted: a file may hold a million braces.
  Result<void> read_statements() {
    std::uint64_t depth = 0;
    do {
      if (token_.is("{")) {
        ++depth;
        advance();
      } else if (token_.is("}")) {
        --depth;
        advance();
        if (token_.is("->") || token_.is("--")) return fail_here(kNoGroupEdges);
      } else if (token_.is(";") || token_.is(",")) {
        advance();
      } else if (auto done = read_statement(); !done) {
        return done;
      }
    } while (depth > 0);
    return {};
  }

  Result<void> read_statement() {
    if (token_.kind != Token::Kind::kWord) return fail_here("expected a node, an edge or '}'");
    if (token_.is_keyword("subgraph")) {
      advance();
      if (token_.kind == Token::Kind::kWord) advance();
      if (!token_.is("{")) return fail_here("expected '{' after subgraph");
      return {};
    }
    if (token_.is_keyword("graph") || token_.is_keyword("node") || token_.is_keyword("edge")) {
      return read_defaults();
    }
    const auto name = token_;
    advance();
    if (token_.is("=")) {  // a setting of the drawing: rankdir=LR
      advance();
      if (token_.kind != Token::Kind::kWord) return fail_here("expected a value after '='");
      advance();
      return {};
    }
    auto end = read_end(name);
    if (!end) return fail(end.error());
    return read_chain(*std::move(end));
  }

  Result<void> read_defaults() {
    const bool of_edges = token_.is_keyword("edge");
    advance();
    const auto attributes = read_attributes();
    if (!attributes) return fail(attributes.error());
    if (of_edges && (attributes->contains("tailport") || attributes->contains("headport"))) {
      return fail_here("ports as a default are not read: write them at each edge");
    }
    return {};
  }

  /// a -> b -> c [attributes], or a node alone with attributes.
  Result<void> read_chain(End from) {
    const auto first_edge = file_.edges.size();
    while (token_.is("->") || token_.is("--")) {
      if (token_.is("->") != directed_) {
        return fail_here(directed_ ? "a digraph's edges are written ->"
                                   : "a graph's edges are written --");
      }
      advance();
      if (token_.is("{") || token_.is_keyword("subgraph")) return fail_here(kNoGroupEdges);
      if (token_.kind != Token::Kind::kWord) return fail_here("expected a node's name");
      const auto name = token_;
      advance();
      auto to = read_end(name);
      if (!to) return fail(to.error());
      file_.edges.push_back({from.vertex, to->vertex, directed_, from.port, to->port});
      if (file_.edges.size() > kMaxEdges) {
        return fail(ErrorCode::kLimit, shown_, ":", token_.line, ": more than ", kMaxEdges,
                    " edges");
      }
      from = *std::move(to);
    }
    const auto attributes = read_attributes();
    if (!attributes) return fail(attributes.error());
    const auto tail = attributes->find("tailport");
    const auto head = attributes->find("headport");
    for (auto e = first_edge; e < file_.edges.size(); ++e) {
      if (tail != attributes->end()) file_.edges[e].from_port = tail->second;
      if (head != attributes->end()) file_.edges[e].to_port = head->second;
    }
    return {};
  }

  /// The rest of an end whose node's name was just passed.
  Result<End> read_end(const Token& name) {
    End end;
    end.vertex = file_.vertex(name.words);
    if (file_.vertices.size() > kMaxTasks) {
      return fail(ErrorCode::kLimit, shown_, ":", name.line, ": more than ", kMaxTasks, " nodes");
    }
    for (int colons = 0; token_.is(":"); ++colons) {
      advance();
      if (colons == 2 || token_.kind != Token::Kind::kWord) {
        return fail_here("expected a port's name after ':'");
      }
      if (colons == 0) end.port = token_.words;
      advance();
    }
    return end;
  }

  Result<Attributes> read_attributes() {
    Attributes attributes;
    while (token_.is("[")) {
      advance();
      while (!token_.is("]")) {
        if (token_.kind != Token::Kind::kWord) return fail_here("expected an attribute or ']'");
        auto& value = attributes[token_.words];
        advance();
        if (!token_.is("=")) return fail_here("expected '=' and the attribute's value");
        advance();
        if (token_.kind != Token::Kind::kWord) return fail_here("expected the attribute's value");
        value = token_.words;
        advance();
        if (token_.is(",") || token_.is(";")) advance();
      }
      advance();
    }
    return attributes;
  }

  static constexpr std::string_view kNoGroupEdges =
      "an edge to a group is not read: write one edge per node";

  void advance() { token_ = scanner_.next(); }

  std::unexpected<Error> fail_here(std::string_view what) const {
    const auto found =
        token_.kind == Token::Kind::kEnd ? "the end of the file" : text('\'', token_.words, '\'');
    return fail(ErrorCode::kInvalidProfile, shown_, ":", token_.line, ": ", what, " (found ", found,
                ")");
  }

  DotScanner scanner_;
  const std::string& shown_;
  Token token_;
  GraphFile file_;
  bool directed_ = false;
};

}  // namespace

Result<GraphFile> read_dot(std::string_view content, const std::string& shown) {
  return DotReader(content, shown).read();
}

}  // namespace mvm::model
