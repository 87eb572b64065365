// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/model/expression.hpp>

#include <muParser.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <vector>

#include <mvm/base/diagnostic.hpp>

namespace mvm::model {
namespace {

using Formula = mu::Parser;
using FormulaError = mu::Parser::exception_type;

double divide(double a, double b) {
  if (b == 0) throw FormulaError("division by zero");
  return a / b;
}

double remainder(double a, double b) {
  if (b == 0) throw FormulaError("division by zero");
  return std::fmod(a, b);
}

/// The library's own operators include assignment and divide by zero without a word; so it gets
/// these instead.
void define_operators(Formula& formula) {
  const auto define = [&formula](const char* sign, mu::fun_type2 function, unsigned precedence,
                                 mu::EOprtAssociativity direction = mu::oaLEFT) {
    formula.DefineOprt(sign, function, precedence, direction, false);
  };
  formula.EnableBuiltInOprt(false);
  define("||", [](double a, double b) { return double(a != 0 || b != 0); }, mu::prLOR);
  define("&&", [](double a, double b) { return double(a != 0 && b != 0); }, mu::prLAND);
  define("==", [](double a, double b) { return double(a == b); }, mu::prCMP);
  define("!=", [](double a, double b) { return double(a != b); }, mu::prCMP);
  define("<=", [](double a, double b) { return double(a <= b); }, mu::prCMP);
  define(">=", [](double a, double b) { return double(a >= b); }, mu::prCMP);
  define("<", [](double a, double b) { return double(a < b); }, mu::prCMP);
  define(">", [](double a, double b) { return double(a > b); }, mu::prCMP);
  define("+", [](double a, double b) { return a + b; }, mu::prADD_SUB);
  define("-", [](double a, double b) { return a - b; }, mu::prADD_SUB);
  define("*", [](double a, double b) { return a * b; }, mu::prMUL_DIV);
  define("/", divide, mu::prMUL_DIV);
  define("%", remainder, mu::prMUL_DIV);
  define("^", [](double a, double b) { return std::pow(a, b); }, mu::prPOW, mu::oaRIGHT);
  formula.DefineInfixOprt("!", [](double a) { return double(a == 0); }, mu::prINFIX, false);
}

void define_functions(Formula& formula) {
  formula.DefineFun("floor", [](double a) { return std::floor(a); }, false);
  formula.DefineFun("ceil", [](double a) { return std::ceil(a); }, false);
  formula.DefineFun("round", [](double a) { return std::round(a); }, false);
}

/// A formula that knows operators and functions, but no names yet. Making one takes longer than
/// most evaluations, so each thread keeps its own.
Formula& empty_formula() {
  thread_local Formula formula = [] {
    Formula made;
    define_operators(made);
    define_functions(made);
    return made;
  }();
  formula.ClearConst();
  return formula;
}

void define_names(Formula& formula, const Scope& scope) {
  formula.DefineConst("true", 1);
  formula.DefineConst("false", 0);
  for (const auto& [name, value] : scope) {
    if (const auto* number = std::get_if<double>(&value)) formula.DefineConst(name, *number);
    if (const auto* flag = std::get_if<bool>(&value)) formula.DefineConst(name, *flag ? 1 : 0);
  }
}

std::string_view trimmed(std::string_view words) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto begin = words.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return words.substr(begin, words.find_last_not_of(kSpace) - begin + 1);
}

std::string_view leading_identifier(std::string_view words) {
  const auto end = std::ranges::find_if_not(
      words, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
  return words.substr(0, static_cast<std::size_t>(end - words.begin()));
}

/// The library's complaint in the words of someone who writes a profile.
std::string reason(const FormulaError& error, const Scope& scope) {
  const auto& token = error.GetToken();
  const auto name = leading_identifier(token);
  switch (error.GetCode()) {
    case mu::ecUNEXPECTED_EOF:
    case mu::ecMISSING_PARENS:
    case mu::ecMISSING_ELSE_CLAUSE:
      return "the expression ends too early";
    case mu::ecEMPTY_EXPRESSION:
      return "the expression is empty";
    case mu::ecUNASSIGNABLE_TOKEN:
      break;
    default:
      return error.GetCode() == mu::ecGENERIC ? error.GetMsg()
                                              : text("cannot read '", trimmed(token), "'");
  }
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name.front())) != 0) {
    return text("cannot read '", trimmed(token), "'");
  }
  if (scope.contains(name)) {
    return text("'", name, "' is a string; a string stands alone: ${", name, "}");
  }
  std::vector<std::string> known;
  for (const auto& entry : scope) known.push_back(entry.first);
  return text("unknown name '", name, "'", did_you_mean(name, known));
}

std::string number_words(double number) {
  constexpr double kExact = 0x1p53;
  if (number == std::trunc(number) && std::abs(number) <= kExact) {
    return text(static_cast<std::int64_t>(number));
  }
  return text(number);
}

/// What `${expression}` becomes: a string or flag by its name, else a number.
Result<std::string> expand_one(std::string_view expression, const Scope& scope) {
  if (const auto entry = scope.find(trimmed(expression)); entry != scope.end()) {
    if (const auto* words = std::get_if<std::string>(&entry->second)) return *words;
    if (const auto* flag = std::get_if<bool>(&entry->second)) return text(*flag);
    return number_words(std::get<double>(entry->second));
  }
  auto number = evaluate(expression, scope);
  if (!number) return fail(std::move(number.error()));
  return number_words(*number);
}

}  // namespace

Result<double> evaluate(std::string_view expression, const Scope& scope) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::kInvalidProfile, "in '${", expression, "}': ", why);
  };
  if (expression.size() > kMaxExpressionLength) {
    return fail(ErrorCode::kLimit, "an expression of ", expression.size(), " characters; at most ",
                kMaxExpressionLength, " are read");
  }
  // The library would take a quote for a string of its own.
  if (const auto odd = expression.find_first_of("\"'\\"); odd != std::string_view::npos) {
    return refuse(text("cannot read ", expression[odd]));
  }
  try {
    auto& formula = empty_formula();
    define_names(formula, scope);
    formula.SetExpr(std::string(expression));
    int count = 0;
    const double* values = formula.Eval(count);
    if (count != 1) return refuse("one value is expected, not several with commas");
    if (!std::isfinite(values[0])) return refuse("the result is not a finite number");
    return values[0];
  } catch (const FormulaError& error) {
    return refuse(reason(error, scope));
  }
}

Result<std::string> expand(std::string_view words, const Scope& scope) {
  std::string out;
  while (true) {
    if (out.size() + words.size() > kMaxExpandedLength) {
      return fail(ErrorCode::kLimit, "the text becomes longer than ", kMaxExpandedLength,
                  " characters");
    }
    const auto mark = words.find("${");
    if (mark == std::string_view::npos) return out.append(words);
    if (mark > 0 && words[mark - 1] == '$') {
      out.append(words.substr(0, mark - 1)).append("${");
      words.remove_prefix(mark + 2);
      continue;
    }
    out.append(words.substr(0, mark));
    words.remove_prefix(mark + 2);
    const auto end = words.find('}');
    if (end == std::string_view::npos) {
      return fail(ErrorCode::kInvalidProfile, "'${", words.substr(0, 40),
                  "' has no closing '}'; write $${ for a literal ${");
    }
    auto piece = expand_one(words.substr(0, end), scope);
    if (!piece) return fail(std::move(piece.error()));
    out.append(*piece);
    words.remove_prefix(end + 1);
  }
}

bool has_expression(std::string_view words) {
  for (auto mark = words.find("${"); mark != std::string_view::npos;
       mark = words.find("${", mark + 2)) {
    if (mark == 0 || words[mark - 1] != '$') return true;
  }
  return false;
}

bool mentions(std::string_view words, std::string_view name) {
  const auto is_part = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  };
  if (!has_expression(words)) return false;
  for (auto at = words.find(name); at != std::string_view::npos; at = words.find(name, at + 1)) {
    const auto after = at + name.size();
    if ((at == 0 || !is_part(words[at - 1])) && (after >= words.size() || !is_part(words[after]))) {
      return true;
    }
  }
  return false;
}

bool is_reserved_name(std::string_view name) {
  if (name == "index" || name == "true" || name == "false") return true;
  return empty_formula().GetFunDef().contains(std::string(name));
}

}  // namespace mvm::model
