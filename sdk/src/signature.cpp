// SPDX-License-Identifier: Apache-2.0
#include "signature.hpp"

#include <algorithm>
#include <cctype>
#include <limits>

#include <mvm/job.hpp>

namespace mvm {
namespace detail {

/// The letter of each kind of number; its size follows where there is more than one.
static const char* letters_of(queue::ElementType type) {
  using queue::ElementKind;
  switch (type.kind) {
    case ElementKind::kBytes:
      return "y";
    case ElementKind::kSigned:
      return "i";
    case ElementKind::kUnsigned:
      return "u";
    case ElementKind::kFloating:
      return "f";
    case ElementKind::kComplex:
      return "z";
    case ElementKind::kBoolean:
      return "b";
    default:
      return "c";
  }
}

void Signature::put_number(std::uint32_t tag) {
  const auto type = queue::ElementType::of(tag);
  const std::string letters = letters_of(type);
  text_ += letters;
  if (std::string_view("iufz").find(letters) != std::string_view::npos) {
    text_ += std::to_string(type.size);
  }
}

void Signature::put_own(const char* codec) {
  text_ += "x<";
  // What would end the name early is left out of it.
  for (; *codec != '\0'; ++codec) {
    if (*codec != '>') text_ += *codec;
  }
  text_ += '>';
}

void Signature::put_length(std::size_t length) {
  text_ += 'a' + std::to_string(length) + '(';
}

bool Signature::open_structure(const void* type_id, const char* names) {
  for (std::size_t outwards = 0; outwards < open_.size(); ++outwards) {
    if (open_[open_.size() - 1 - outwards].type_id == type_id) {
      text_ += '^' + std::to_string(outwards) + ';';
      return false;
    }
  }
  open_.push_back({type_id, names});
  text_ += '{';
  return true;
}

void Signature::put_field_name() {
  const char*& rest = open_.back().names;
  text_ += '.';
  for (; *rest != '\0' && *rest != ','; ++rest) {
    if (*rest != ' ') text_ += *rest;
  }
  if (*rest == ',') ++rest;
  text_ += ' ';
}

void Signature::close_structure() {
  open_.pop_back();
  text_ += '}';
}

}  // namespace detail

namespace signature {
namespace {

using queue::ElementKind;
using queue::ElementType;

constexpr std::size_t kLengthBytes = 2;

/// Writes a signature in words, from one that may be anything: what is not understood is told as
/// it stands, and what is nested too deep or gets too long is left out.
class Describer {
 public:
  explicit Describer(std::string_view signature) : rest_(signature) {}

  std::string describe() {
    type(0);
    if (said_.size() > kMaxWords) said_.resize(kMaxWords), said_ += "…";
    return said_;
  }

 private:
  static constexpr std::size_t kMaxWords = 300;
  static constexpr int kMaxNesting = 32;

  bool skip(char letter) {
    if (rest_.empty() || rest_.front() != letter) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view until(char end) {
    const auto length = std::min(rest_.find(end), rest_.size());
    const auto words = rest_.substr(0, length);
    rest_.remove_prefix(std::min(length + 1, rest_.size()));
    return words;
  }

  void type(int nesting) {
    if (rest_.empty() || nesting > kMaxNesting || said_.size() > kMaxWords) {
      rest_ = {};
      said_ += "…";
      return;
    }
    if (const auto number = number_at(rest_)) {
      rest_.remove_prefix(number->length);
      said_ += number->type.kind == ElementKind::kBytes ? "byte" : words_of(number->type);
      return;
    }
    const char letter = rest_.front();
    rest_.remove_prefix(1);
    switch (letter) {
      case 's':
        said_ += "string";
        return;
      case 'x':
        skip('<');
        own(until('>'));
        return;
      case '^':
        until(';');
        said_ += "the structure itself";
        return;
      case '{':
        structure(nesting);
        return;
      case 'a':
        said_ += "array of " + std::string(until('(')) + " ";
        return inside("", nesting);
      case 'o':
        said_ += "optional ";
        break;
      case 'm':
        said_ += "map of ";
        break;
      case 'e':
        said_ += "set of ";
        break;
      case 'v':
        said_ += "list of ";
        break;
      case 'p':
        skip('(');
        said_ += "(";
        inside(", ", nesting);
        said_ += ")";
        return;
      default:
        said_ += '?';
        rest_ = {};
        return;
    }
    skip('(');
    inside(" to ", nesting);
  }

  /// Types up to the closing bracket.
  void inside(const char* between, int nesting) {
    while (!rest_.empty() && !skip(')')) {
      type(nesting + 1);
      if (skip(',')) said_ += between;
    }
  }

  void structure(int nesting) {
    said_ += "{";
    for (const char* between = ""; skip('.'); between = ", ") {
      said_ += between + std::string(until(' ')) + ": ";
      type(nesting + 1);
    }
    skip('}');
    said_ += "}";
  }

  void own(std::string_view codec) {
    said_ += codec.empty() ? "a type with a codec of its own" : std::string(codec);
  }

  std::string_view rest_;
  std::string said_;
};

}  // namespace

std::optional<Split> split(std::string_view message) {
  if (message.size() < kLengthBytes) return {};
  const auto length = static_cast<std::size_t>(static_cast<unsigned char>(message[0])) |
                      static_cast<std::size_t>(static_cast<unsigned char>(message[1])) << 8;
  message.remove_prefix(kLengthBytes);
  if (length > message.size()) return {};
  return Split{message.substr(0, length), message.substr(length)};
}

std::optional<NumberType> number_at(std::string_view signature) {
  if (signature.empty()) return {};
  const auto sized = [&](ElementKind kind) -> std::optional<NumberType> {
    std::size_t length = 1;
    std::uint32_t size = 0;
    while (length < std::min<std::size_t>(signature.size(), 3) &&
           std::isdigit(static_cast<unsigned char>(signature[length])) != 0) {
      size = size * 10 + static_cast<std::uint32_t>(signature[length++] - '0');
    }
    const ElementType type{kind, size};
    if (!type.is_number()) return {};
    return NumberType{type, length};
  };
  switch (signature.front()) {
    case 'i':
      return sized(ElementKind::kSigned);
    case 'u':
      return sized(ElementKind::kUnsigned);
    case 'f':
      return sized(ElementKind::kFloating);
    case 'z':
      return sized(ElementKind::kComplex);
    case 'y':
      return NumberType{{ElementKind::kBytes, 0}, 1};
    case 'b':
      return NumberType{{ElementKind::kBoolean, 1}, 1};
    case 'c':
      return NumberType{{ElementKind::kCharacter, 1}, 1};
    default:
      return {};
  }
}

bool is_convertible(std::string_view from, std::string_view to) {
  while (!from.empty() && !to.empty()) {
    // A name is no type, whatever letters it begins with.
    const auto end = to.front() == '.' ? to.find(' ') : to.front() == 'x' ? to.find('>') : 0;
    if (end != 0) {
      if (end == std::string_view::npos || from.substr(0, end) != to.substr(0, end)) return false;
      from.remove_prefix(end);
      to.remove_prefix(end);
      if (from.empty()) return false;
    }
    const auto given = number_at(from);
    const auto wanted = number_at(to);
    if (given && wanted) {
      if (given->type != wanted->type && !queue::is_convertible(given->type, wanted->type)) {
        return false;
      }
      from.remove_prefix(given->length);
      to.remove_prefix(wanted->length);
      continue;
    }
    if (from.front() != to.front()) return false;
    from.remove_prefix(1);
    to.remove_prefix(1);
  }
  return from.empty() && to.empty();
}

std::string words(std::string_view signature) {
  return Describer(signature).describe();
}

}  // namespace signature
}  // namespace mvm
