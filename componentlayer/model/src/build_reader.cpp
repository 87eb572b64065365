// SPDX-License-Identifier: GPL-3.0-or-later
#include "build_reader.hpp"

#include <algorithm>
#include <array>
#include <regex>

#include "source_files.hpp"
#include "wording.hpp"

namespace mvm::model {
namespace {

namespace fs = std::filesystem;

/// The SDK's header needs C++20.
std::vector<std::pair<std::string, std::string>> standards() {
  std::vector<std::pair<std::string, std::string>> words;
  for (const std::string dialect : {"c++", "gnu++"}) {
    for (const auto* year : {"20", "23", "26", "2a", "2b", "2c"}) {
      words.emplace_back(dialect + year, dialect + year);
    }
  }
  return words;
}

bool matches(const std::string& words, const std::regex& pattern) {
  constexpr std::size_t kLongest = 1024;  // the matcher recurses over the length
  return words.size() <= kLongest && std::regex_match(words, pattern);
}

bool has_control_characters(std::string_view words) {
  return std::ranges::any_of(words, [](unsigned char c) { return c < ' ' || c == 127; });
}

/// Options of code generation, warnings and debugging. Not those that name files, load plugins,
/// hand words to other programs, or have an element of their own.
bool is_harmless_flag(const std::string& flag) {
  constexpr std::array kRefused{"-fplugin",
                                "-fdump",
                                "-fprofile-",
                                "-fpass-plugin",
                                "-fmodule",
                                "-fcallgraph-info",
                                "-fsave-optimization-record",
                                "-fdebug-prefix-map",
                                "-Wl,",
                                "-Wa,",
                                "-Wp,",
                                "-gsplit-dwarf"};
  for (const auto* prefix : kRefused) {
    if (flag.starts_with(prefix)) return false;
  }
  static const std::regex pattern("-([fmWg][A-Za-z0-9=,+._-]*|pthread|pedantic(-errors)?|w)");
  return matches(flag, pattern);
}

void read_define(const XmlElement& element, Reading& reading, BuildOptions& build) {
  const auto name = reading.words(element, "name");
  const auto value =
      element.attribute("value") == nullptr ? std::string() : reading.words(element, "value");
  if (!name || !value) return;
  static const std::regex pattern("[A-Za-z_][A-Za-z0-9_]*");
  if (!matches(*name, pattern)) {
    reading.complain_value(element, "name", *name,
                           "is not a macro name: a letter or '_', then letters, digits, '_'");
    return;
  }
  if (has_control_characters(*value)) {
    reading.complain(element, "value", "the value of the macro '", *name,
                     "' spans lines; write it on one");
    return;
  }
  const auto same = [&](const auto& define) { return define.first == *name; };
  if (std::ranges::any_of(build.defines, same)) {
    reading.complain(element, "name", "the macro '", *name, "' is defined twice; remove one");
    return;
  }
  build.defines.emplace_back(*name, *value);
}

void read_include(const XmlElement& element, const std::string& words, Reading& reading,
                  BuildOptions& build) {
  const auto folder = (reading.document().folder / words).lexically_normal();
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    reading.complain(element, "", "the include folder '", excerpt(words), "' is not a folder in ",
                     reading.document().folder.string());
    return;
  }
  build.include_folders.push_back(folder);
}

void read_library(const XmlElement& element, const std::string& words, Reading& reading,
                  BuildOptions& build) {
  static const std::regex pattern("[A-Za-z0-9_][A-Za-z0-9_.+-]*");
  if (!matches(words, pattern)) {
    reading.complain_value(element, "", words,
                           "is not a library's name; write m for libm, without -l or a path");
    return;
  }
  build.libraries.push_back(words);
}

void read_flag(const XmlElement& element, const std::string& words, Reading& reading,
               BuildOptions& build) {
  if (!is_harmless_flag(words)) {
    reading.complain_value(
        element, "", words,
        "is not taken from a profile; allowed are single options -f…, -m…, -W…, -g…, -pthread, and "
        "the elements define, include and link");
    return;
  }
  build.flags.push_back(words);
}

void read_attributes(const XmlElement& element, Reading& reading, BuildOptions& build) {
  if (const auto standard = reading.choice<std::string>(element, "std", standards())) {
    build.standard = *standard;
  }
  if (const auto level = reading.choice<std::string>(
          element, "optimize",
          {{"0", "0"}, {"1", "1"}, {"2", "2"}, {"3", "3"}, {"s", "s"}, {"g", "g"}})) {
    build.optimize = *level;
  }
  if (const auto compiler = reading.words(element, "compiler")) {
    static const std::regex pattern(R"((/([A-Za-z0-9_.+-]+/)*)?(g\+\+|clang\+\+)(-[0-9.]+)?)");
    if (matches(*compiler, pattern)) {
      build.compiler = *compiler;
    } else {
      reading.complain_value(element, "compiler", *compiler,
                             "is not g++ or clang++, a versioned name such as g++-12, or the full "
                             "path of one");
    }
  }
}

/// What becomes a word of a compiler's command line is checked here: a profile chooses among
/// compilers and options, it does not write command lines.
void read_build(const XmlElement& element, Reading& reading, BuildOptions& build) {
  read_attributes(element, reading, build);
  for (const auto& child : element.children) {
    if (child.name == "define") {
      read_define(child, reading, build);
      continue;
    }
    const bool known = child.name == "include" || child.name == "link" || child.name == "flag";
    const auto words = known ? reading.content(child) : std::nullopt;
    if (!words) continue;
    if (child.name == "include") read_include(child, *words, reading, build);
    if (child.name == "link") read_library(child, *words, reading, build);
    if (child.name == "flag") read_flag(child, *words, reading, build);
  }
}

void read_source(const XmlElement& element, Reading& reading, std::vector<fs::path>& sources) {
  const auto words = reading.content(element);
  if (!words) return;
  auto files = source_files(*words, reading.document().folder);
  if (!files) {
    reading.complain(element, "", "source ", files.error().message);
    return;
  }
  for (auto& file : *files) {
    if (std::ranges::find(sources, file) == sources.end()) sources.push_back(std::move(file));
  }
}

}  // namespace

void read_sources_and_build(const XmlElement& element, Reading& reading,
                            std::vector<fs::path>& sources, BuildOptions& build) {
  const XmlElement* first = nullptr;
  for (const auto& child : element.children) {
    if (child.name == "source") read_source(child, reading, sources);
    if (child.name != "build") continue;
    if (first != nullptr) {
      reading.complain(child, "", "<", element.name,
                       "> holds at most one <build>; the first is in line ", first->line);
      continue;
    }
    first = &child;
    read_build(child, reading, build);
  }
}

}  // namespace mvm::model
