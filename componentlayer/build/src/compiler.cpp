// SPDX-License-Identifier: GPL-3.0-or-later
#include "compiler.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <system_error>

#include <mvm/base/byte_codec.hpp>
#include <mvm/base/file.hpp>
#include <mvm/base/subprocess.hpp>

#include "input_file.hpp"

namespace mvm::build {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "mvm compiler 1";
constexpr Bytes kMaxMemory = 1_MiB;
constexpr std::uint32_t kMaxText = 64 * 1024;
constexpr std::uint32_t kMaxIncludes = 1000;

/// The linkers that beat the default one, the fastest first. Linking a small job against libmvm:
/// mold 15 ms, gold 17 ms, lld 26 ms, bfd 40 ms.
constexpr std::array kFastLinkers = {"mold", "gold", "lld"};

/// The Debian package that brings a compiler of this name.
std::string package_of(const std::string& program) {
  constexpr std::string_view kClang = "clang++";
  const auto name = fs::path(program).filename().string();
  if (!name.starts_with(kClang)) return name;
  return text("clang", name.substr(kClang.size()));
}

Result<fs::path> locate(const std::string& name) {
  if (name.empty()) return fail(ErrorCode::kCompiler, "the job names an empty compiler");
  std::error_code error;
  if (name.find('/') == std::string::npos) {
    if (auto found = find_program(name)) return fs::absolute(*found, error);
    return fail(ErrorCode::kCompiler, "the compiler '", name,
                "' is not installed: apt-get install ", package_of(name),
                ", or choose another one by <build compiler=\"…\">");
  }
  auto path = fs::absolute(name, error);
  if (!error && ::access(path.c_str(), X_OK) == 0) return path;
  return fail(ErrorCode::kCompiler, "the compiler ", name,
              " is not there or not executable; correct <build compiler=\"…\">");
}

/// Names the compiler's file as it is now.
Result<Digest> file_identity(const fs::path& program) {
  std::error_code error;
  const auto real = fs::canonical(program, error);
  const auto stamp = error ? std::nullopt : stamp_of(real);
  if (!stamp) return fail(ErrorCode::kCompiler, "the compiler ", program.string(), " is gone");
  Hasher hasher;
  hasher.add(program.native()).add(real.native());
  hasher.add(text(stamp->size, ' ', stamp->modified_ns, ' ', stamp->changed_ns, ' ', stamp->inode));
  for (const auto& word : compiler_environment()) hasher.add(word);
  return hasher.finish();
}

std::vector<std::string_view> lines_of(std::string_view words) {
  std::vector<std::string_view> lines;
  while (!words.empty()) {
    const auto end = std::min(words.find('\n'), words.size());
    lines.push_back(words.substr(0, end));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return lines;
}

std::vector<fs::path> search_path_in(std::string_view introduction) {
  std::vector<fs::path> folders;
  bool inside = false;
  for (const auto line : lines_of(introduction)) {
    if (line.starts_with("#include <...> search starts here")) {
      inside = true;
    } else if (line.starts_with("End of search list")) {
      break;
    } else if (inside && line.starts_with(' ')) {
      folders.emplace_back(line.substr(1));
    }
  }
  return folders;
}

/// The first fast linker that is installed and that this compiler can drive.
std::string choose_linker(const fs::path& program, const WorkFolder& work,
                          const ToolLimits& limits) {
  for (const char* linker : kFastLinkers) {
    if (!find_program(text("ld.", linker))) continue;
    const ToolRun run{.arguments = {program.native(), "-shared", "-x", "c++", "/dev/null",
                                    text("-fuse-ld=", linker), "-Xlinker",
                                    "--dependency-file=probe.d", "-o", "probe.so"},
                      .directory = work.path(),
                      .temporary = work.path(),
                      .lock = work.lock(),
                      .what = text("trying the linker ", linker)};
    if (run_tool(run, limits)) return linker;
  }
  return {};
}

/// Asks the compiler. Its answer to -v holds the version, the target and the search path.
Result<Compiler> introduce(const fs::path& program, const WorkFolder& work,
                           const ToolLimits& limits) {
  const ToolRun run{.arguments = {program.native(), "-E", "-v", "-x", "c++", "/dev/null"},
                    .directory = work.path(),
                    .temporary = work.path(),
                    .lock = work.lock(),
                    .what = text("asking ", program.native(), " for its version")};
  const auto introduction = run_tool(run, limits);
  if (!introduction) {
    const auto& error = introduction.error();
    if (error.code != ErrorCode::kCompilation) return fail(error);
    return fail(ErrorCode::kCompiler, program.native(), " is not a g++ or clang++ that works:\n",
                error.message);
  }
  Compiler compiler;
  compiler.program = program;
  if (introduction->find("clang version") != std::string::npos) {
    compiler.family = CompilerFamily::kClang;
  } else if (introduction->find("gcc version") == std::string::npos) {
    return fail(ErrorCode::kCompiler, program.native(), " is neither g++ nor clang++:\n",
                *introduction);
  }
  compiler.identity = Hasher().add(*introduction).finish();
  compiler.system_includes = search_path_in(*introduction);
  compiler.linker = choose_linker(program, work, limits);
  return compiler;
}

std::string encode(const Compiler& compiler) {
  ByteWriter out;
  out.put(kMagic);
  out.put(compiler.family);
  out.put(std::string_view(reinterpret_cast<const char*>(compiler.identity.bytes.data()),
                           compiler.identity.bytes.size()));
  out.put(static_cast<std::uint32_t>(compiler.system_includes.size()));
  for (const auto& folder : compiler.system_includes) out.put(folder.native());
  out.put(compiler.linker);
  return out.take();
}

std::optional<Compiler> decode(std::string_view bytes, const fs::path& program) {
  ByteReader in(bytes);
  if (in.get_text(kMaxText) != kMagic) return {};
  Compiler compiler;
  compiler.program = program;
  compiler.family = in.get<CompilerFamily>();
  const auto identity = in.get_text(kMaxText);
  if (identity.size() != compiler.identity.bytes.size()) return {};
  std::copy(identity.begin(), identity.end(), compiler.identity.bytes.begin());
  const auto includes = in.get<std::uint32_t>();
  if (includes > kMaxIncludes) return {};
  for (std::uint32_t i = 0; i < includes; ++i) {
    compiler.system_includes.emplace_back(in.get_text(kMaxText));
  }
  compiler.linker = in.get_text(kMaxText);
  if (!in.ok() || !in.at_end()) return {};
  return compiler;
}

}  // namespace

Result<Compiler> identify_compiler(const std::string& name, const BuildCache& cache,
                                   const ToolLimits& limits) {
  const auto program = locate(name);
  if (!program) return fail(program.error());
  const auto identity = file_identity(*program);
  if (!identity) return fail(identity.error());
  const auto remembered = cache.compilers() / identity->hex();
  if (const auto bytes = read_file(remembered, kMaxMemory)) {
    if (auto compiler = decode(*bytes, *program)) return std::move(*compiler);
  }
  const auto work = cache.make_work_folder();
  if (!work) return fail(work.error());
  auto compiler = introduce(*program, *work, limits);
  if (!compiler) return compiler;
  compiler->identity = Hasher().add(*identity).add(compiler->identity).finish();
  if (const auto written = write_file_atomically(remembered, encode(*compiler)); !written) {
    return fail(cache.cache_error(written.error().message));
  }
  return compiler;
}

std::string native_cpu() {
  std::ifstream file("/proc/cpuinfo");
  std::string words;
  for (std::string line; std::getline(file, line) && !line.empty();) {
    for (const std::string_view field : {"model name", "flags", "Features", "CPU part"}) {
      if (line.starts_with(field)) words.append(line).push_back('\n');
    }
  }
  return words;
}

}  // namespace mvm::build
