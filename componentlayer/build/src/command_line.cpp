// SPDX-License-Identifier: GPL-3.0-or-later
#include "command_line.hpp"

#include <algorithm>
#include <array>

namespace mvm::build {
namespace {

constexpr std::array<std::string_view, 8> kLevels = {"0", "1", "2", "3", "s", "g", "z", "fast"};

/// Flags that take the work out of the builder's hands: another output, another stage, another
/// language, other dependency files, or words from a file that no key knows.
constexpr std::array<std::string_view, 8> kRefusedFlags = {
    "-c", "-S", "-E", "-", "-###", "--help", "--version", "-fsyntax-only"};
constexpr std::array<std::string_view, 6> kRefusedPrefixes = {"-o", "-x",    "-M",
                                                              "@",  "-dump", "-print-"};

/// g++ 12 sees overlaps and overflows in std::string's own code as soon as it is inlined, say in
/// `"d" + std::to_string(i)`. A job's author can do nothing about them. A flag of the profile that
/// names such a warning comes later on the command line, and wins.
constexpr std::array<const char*, 2> kFalseAlarms = {"-Wno-restrict", "-Wno-stringop-overflow"};

bool is_identifier(std::string_view word) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !word.empty() && letter(word.front()) &&
         std::ranges::all_of(word, [&](char c) { return letter(c) || digit(c); });
}

/// By the language's rules only reserved names may change what a standard header says, and NDEBUG
/// what <cassert> says. Only these must be known when a header is precompiled.
bool reaches_headers(std::string_view name) {
  return name.starts_with('_') || name.starts_with("MVM_") || name == "NDEBUG";
}

bool is_c(const std::filesystem::path& source) {
  return source.extension() == ".c";
}

/// A profile chooses the standard of C++; what is in C beside it follows this one.
constexpr const char* kCStandard = "-std=c17";

std::string define_option(const std::pair<std::string, std::string>& define) {
  const auto& [name, value] = define;
  return value.empty() ? text("-D", name) : text("-D", name, '=', value);
}

bool contains(const auto& words, std::string_view word) {
  return std::ranges::find(words, word) != std::ranges::end(words);
}

void append(std::vector<std::string>& to, const std::vector<std::string>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

void add_all(Hasher& hasher, const std::vector<std::string>& words) {
  hasher.add(text(words.size()));
  for (const auto& word : words) hasher.add(word);
}

}  // namespace

Result<void> check_options(const std::string& what, const model::BuildOptions& options) {
  const auto refuse = [&what](const auto&... words) {
    return fail(ErrorCode::kInvalidProfile, what, ": ", words...);
  };
  if (options.standard.empty() || options.standard.find_first_of(" \t\n") != std::string::npos) {
    return refuse("'", options.standard, "' is no language standard; write std=\"c++20\"");
  }
  if (!contains(kLevels, options.optimize)) {
    return refuse("'", options.optimize, "' is no optimize level; choose 0 1 2 3 s g or fast");
  }
  for (const auto& [name, value] : options.defines) {
    if (!is_identifier(name)) return refuse("'", name, "' cannot be the name of a define");
    if (value.find('\n') != std::string::npos) {
      return refuse("the value of the define '", name, "' must be one line");
    }
  }
  for (const auto& library : options.libraries) {
    if (library.empty()) return refuse("a <link> names no library");
  }
  for (const auto& flag : options.flags) {
    const bool refused = flag.empty() || contains(kRefusedFlags, flag) ||
                         std::ranges::any_of(kRefusedPrefixes, [&flag](auto prefix) {
                           return flag.starts_with(prefix);
                         });
    if (refused) {
      return refuse("the compiler flag '", flag,
                    "' is refused, because it changes what the builder makes or where; remove it");
    }
  }
  return {};
}

std::vector<std::string> CommandLine::shared_options() const {
  std::vector<std::string> words{
      // First, so that a unit in C can have another.
      text("-std=", options_.standard), text("-O", options_.optimize), "-pthread",
      // Line tables without variables: backtraces have names and lines, for 3 % of compile time.
      "-g1"};
  for (const auto& define : options_.defines) {
    if (reaches_headers(define.first)) words.push_back(define_option(define));
  }
  if (compiler_.family == CompilerFamily::kGcc) {
    words.insert(words.end(), kFalseAlarms.begin(), kFalseAlarms.end());
  }
  append(words, options_.flags);
  return words;
}

std::vector<std::string> CommandLine::own_options() const {
  std::vector<std::string> words;
  for (const auto& define : options_.defines) {
    if (!reaches_headers(define.first)) words.push_back(define_option(define));
  }
  return words;
}

std::vector<std::string> CommandLine::compile(const std::filesystem::path& source,
                                              const std::filesystem::path& object,
                                              const std::filesystem::path& depfile,
                                              const HeaderStart* start) const {
  std::vector<std::string> words{compiler_.program.native()};
  const bool clang = compiler_.family == CompilerFamily::kClang;
  // Colours are no part of a result: they are taken out of warnings that come from the cache.
  words.emplace_back(settings_.colours ? "-fdiagnostics-color=always"
                                       : "-fdiagnostics-color=never");
  auto shared = shared_options();
  if (is_c(source)) shared.front() = kCStandard;
  append(words, shared);
  append(words, own_options());
  // Flags serve compiling and linking; clang complains about those of the other step.
  if (clang) words.emplace_back("-Qunused-arguments");
  if (folder_.relocatable())
    words.push_back(text("-ffile-prefix-map=", folder_.path().native(), "=."));
  for (const auto& folder : options_.include_folders) words.push_back(text("-I", folder.native()));
  if (!settings_.sdk_include.empty()) {
    // As a system folder: a job's own warning flags are not for our header.
    words.insert(words.end(), {"-isystem", settings_.sdk_include.native()});
  }
  if (start != nullptr) {
    if (clang) {
      words.insert(words.end(), {"-include-pch", start->compiled.native()});
    } else {
      // g++ looks for the compiled form beside the header by itself.
      words.insert(words.end(), {"-include", start->header.native()});
    }
  }
  words.insert(words.end(), {"-MD", "-MF", depfile.native(), "-c", "-o", object.native(), "-x",
                             is_c(source) ? "c" : "c++", source.native()});
  return words;
}

std::vector<std::string> CommandLine::precompile(const std::filesystem::path& compiled,
                                                 const std::filesystem::path& depfile) const {
  std::vector<std::string> words{compiler_.program.native()};
  append(words, shared_options());
  if (compiler_.family == CompilerFamily::kClang) {
    words.insert(words.end(), {"-Qunused-arguments", "-Xclang", "-fno-pch-timestamp"});
  }
  // The header comes in by -include, and the main file is one that stays: clang refuses a result
  // whose main file has gone.
  words.insert(words.end(),
               {"-isystem", settings_.sdk_include.native(), "-include",
                (settings_.sdk_include / "mvm" / "job.hpp").native(), "-MD", "-MF",
                depfile.native(), "-o", compiled.native(), "-x", "c++-header", "/dev/null"});
  return words;
}

std::vector<std::string> CommandLine::link_options() const {
  std::vector<std::string> words{"-pthread"};
  if (!compiler_.linker.empty()) words.push_back(text("-fuse-ld=", compiler_.linker));
  append(words, options_.flags);
  return words;
}

std::filesystem::path CommandLine::image_archive() const {
  return settings_.sdk_library / "libmvm_fiber_image.a";
}

std::vector<std::string> CommandLine::link(const std::vector<std::filesystem::path>& objects,
                                           const std::filesystem::path& program,
                                           const std::filesystem::path& depfile) const {
  std::vector<std::string> words{compiler_.program.native()};
  if (compiler_.family == CompilerFamily::kClang) words.emplace_back("-Qunused-arguments");
  append(words, link_options());
  words.insert(words.end(), {"-Xlinker", text("--dependency-file=", depfile.native())});
  for (const auto& object : objects) words.push_back(object.native());
  if (const auto& folder = settings_.sdk_library; !folder.empty()) {
    if (product_ == Product::kFiber) {
      words.insert(words.end(), {"-Xlinker", "--whole-archive", image_archive().native(),
                                 "-Xlinker", "--no-whole-archive"});
    }
    words.insert(words.end(), {"-Xlinker", "--as-needed", (folder / "libmvm.so").native(),
                               "-Xlinker", "-rpath", "-Xlinker", folder.native()});
  }
  for (const auto& library : options_.libraries) words.push_back(text("-l", library));
  words.insert(words.end(), {"-o", program.native()});
  return words;
}

Hasher& CommandLine::add_surroundings(Hasher& hasher) const {
  hasher.add(compiler_.identity).add(settings_.sdk_version);
  add_all(hasher, compiler_environment());
  const bool native = std::ranges::any_of(options_.flags, [](const std::string& flag) {
    return flag.starts_with("-m") && flag.ends_with("native");
  });
  hasher.add(native ? native_cpu() : std::string());
  return hasher;
}

Digest CommandLine::precompile_identity() const {
  Hasher hasher;
  add_surroundings(hasher).add("header").add(settings_.sdk_include.native());
  add_all(hasher, shared_options());
  return hasher.finish();
}

Digest CommandLine::compile_identity() const {
  Hasher hasher;
  hasher.add(precompile_identity()).add("unit");
  // Where paths are mapped away, objects do not depend on where the job lies.
  hasher.add(folder_.relocatable() ? std::string() : folder_.path().native());
  add_all(hasher, own_options());
  for (const auto& folder : options_.include_folders) hasher.add(folder_.portable(folder));
  return hasher.finish();
}

Digest CommandLine::link_identity() const {
  Hasher hasher;
  hasher.add(compile_identity()).add("program").add(settings_.sdk_library.native());
  hasher.add(product_ == Product::kFiber ? image_archive().native() : std::string());
  add_all(hasher, link_options());
  add_all(hasher, options_.libraries);
  return hasher.finish();
}

}  // namespace mvm::build
