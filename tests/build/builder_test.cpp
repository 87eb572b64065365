// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/build/builder.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <string>

#include "build_fixture.hpp"

namespace mvm::build {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHello = "#include <cstdio>\nint main() { std::puts(\"hello\"); }\n";

class BuilderTest : public BuildTest {};

TEST_F(BuilderTest, BuildsAProgramThatRuns) {
  request_.sources = {write("cell.cpp", kHello)};
  const auto built = build();
  ASSERT_TRUE(built) << built.error().message;
  EXPECT_FALSE(built->from_cache);
  EXPECT_EQ(built->program.filename(), "cell");
  EXPECT_EQ(output_of(built->program), "hello\n");
  EXPECT_TRUE(fs::is_empty(work_folder()));
}

TEST_F(BuilderTest, AHitRunsNoCompilerAndIsFast) {
  request_.sources = {write("cell.cpp", kHello)};
  const auto first = build();
  ASSERT_TRUE(first) << first.error().message;
  const auto calls_before = calls().size();
  auto fastest = std::chrono::nanoseconds::max();
  for (int i = 0; i < 20; ++i) {
    const auto again = build();
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->from_cache);
    EXPECT_EQ(again->program, first->program);
    fastest = std::min(fastest, again->took);
  }
  EXPECT_EQ(calls().size(), calls_before);
  EXPECT_LT(fastest, std::chrono::milliseconds(10));
}

TEST_F(BuilderTest, OnlyTheChangedUnitIsCompiledAgain) {
  const auto main = write("main.cpp",
                          "#include <cstdio>\nint f();\n"
                          "int main() { std::printf(\"%d\", f()); }\n");
  request_.sources = {main, write("f.cpp", "int f() { return 1; }\n")};
  ASSERT_TRUE(build());
  EXPECT_EQ(calls().size(), 3u);
  write("f.cpp", "int f() { return 2; }\n");
  const auto built = build();
  ASSERT_TRUE(built);
  EXPECT_EQ(output_of(built->program), "2");
  EXPECT_EQ(calls().size(), 5u);
}

TEST_F(BuilderTest, SeesAChangedHeaderHoweverDeep) {
  write("a.hpp", "#include \"deep/b.hpp\"\n");
  write("deep/b.hpp", "#define VALUE 1\n");
  request_.sources = {write("cell.cpp",
                            "#include <cstdio>\n#include \"a.hpp\"\n"
                            "int main() { std::printf(\"%d\", VALUE); }\n")};
  ASSERT_TRUE(build());
  write("deep/b.hpp", "#define VALUE 2\n");
  const auto changed = build();
  ASSERT_TRUE(changed) << changed.error().message;
  EXPECT_EQ(output_of(changed->program), "2");
  // And back: the first result is still there.
  write("deep/b.hpp", "#define VALUE 1\n");
  const auto back = build();
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->from_cache);
  EXPECT_EQ(output_of(back->program), "1");
}

TEST_F(BuilderTest, SeesAHeaderThatAppearsEarlierOnTheSearchPath) {
  write("second/value.hpp", "#define VALUE 2\n");
  write("first/other.hpp", "");
  request_.options.include_folders = {root_ / "job" / "first", root_ / "job" / "second"};
  request_.sources = {write("cell.cpp",
                            "#include <cstdio>\n#include <value.hpp>\n"
                            "int main() { std::printf(\"%d\", VALUE); }\n")};
  const auto before = build();
  ASSERT_TRUE(before) << before.error().message;
  EXPECT_EQ(output_of(before->program), "2");
  write("first/value.hpp", "#define VALUE 1\n");
  const auto after = build();
  ASSERT_TRUE(after);
  EXPECT_EQ(output_of(after->program), "1");
}

TEST_F(BuilderTest, EveryOptionIsPartOfTheKey) {
  request_.sources = {write("cell.cpp", kHello)};
  const auto fresh = [this] {
    const auto built = build();
    EXPECT_TRUE(built) << (built ? "" : built.error().message);
    return built && !built->from_cache;
  };
  EXPECT_TRUE(fresh());
  EXPECT_FALSE(fresh());
  request_.options.standard = "c++17";
  EXPECT_TRUE(fresh());
  request_.options.optimize = "0";
  EXPECT_TRUE(fresh());
  request_.options.defines = {{"N", "1"}};
  EXPECT_TRUE(fresh());
  request_.options.defines = {{"N", "2"}};
  EXPECT_TRUE(fresh());
  request_.options.flags = {"-fno-inline"};
  EXPECT_TRUE(fresh());
  request_.options.libraries = {"m"};
  EXPECT_TRUE(fresh());
  settings_.sdk_version = "other";
  EXPECT_TRUE(fresh());
  request_.job = "renamed";
  EXPECT_TRUE(fresh());
  ASSERT_TRUE(write_file_atomically(root_ / "counting-g++", "#!/bin/sh\nexec g++ \"$@\"\n"));
  fs::permissions(root_ / "counting-g++", fs::perms::owner_all);
  EXPECT_TRUE(fresh()) << "another compiler under the same name";
}

TEST_F(BuilderTest, ACopyOfTheJobElsewhereFindsItsProgram) {
  write("inc/value.hpp", "inline const char* place() { return __FILE__; }\n");
  request_.sources = {write("cell.cpp",
                            "#include <cstdio>\n#include <value.hpp>\n"
                            "int main() { std::puts(place()); }\n")};
  request_.options.include_folders = {root_ / "job" / "inc"};
  ASSERT_TRUE(build());
  fs::copy(root_ / "job", root_ / "copy", fs::copy_options::recursive);
  request_.sources = {root_ / "copy" / "cell.cpp"};
  request_.options.include_folders = {root_ / "copy" / "inc"};
  const auto copy = build();
  ASSERT_TRUE(copy);
  EXPECT_TRUE(copy->from_cache);
  EXPECT_EQ(output_of(copy->program), "./inc/value.hpp\n");
}

TEST_F(BuilderTest, ACompilerErrorShowsItsOwnWords) {
  const auto source = write("cell.cpp", "int main() {\n  return missing;\n}\n");
  request_.sources = {source};
  const auto built = build();
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code, ErrorCode::kCompilation);
  EXPECT_TRUE(built.error().message.starts_with(source.native() + ": In function"))
      << built.error().message;
  EXPECT_NE(built.error().message.find(":2:10: error: ‘missing’ was not declared"),
            std::string::npos);
  EXPECT_EQ(built.error().message.find('\033'), std::string::npos);
  EXPECT_TRUE(fs::is_empty(work_folder()));
}

TEST_F(BuilderTest, ColoursComeOnlyWhenAskedForAndNotFromTheCache) {
  request_.options.flags = {"-Wall"};
  request_.sources = {write("cell.cpp", "int main() { int unused; }\n")};
  settings_.colours = true;
  const auto coloured = build();
  ASSERT_TRUE(coloured);
  EXPECT_NE(coloured->warnings.find('\033'), std::string::npos);
  settings_.colours = false;
  const auto plain = build();
  ASSERT_TRUE(plain);
  EXPECT_TRUE(plain->from_cache);
  EXPECT_EQ(plain->warnings.find('\033'), std::string::npos);
  EXPECT_NE(plain->warnings.find("warning: unused variable ‘unused’ [-Wunused-variable]"),
            std::string::npos)
      << plain->warnings;
}

TEST_F(BuilderTest, JoiningStringsIsNothingToWarnAbout) {
  request_.options.flags = {"-Wall"};
  request_.options.optimize = "3";
  request_.sources = {write("cell.cpp", R"(
#include <cstdio>
#include <string>
int main(int argc, char**) {
  for (int i = 0; i < argc; ++i) std::puts(("d" + std::to_string(i)).c_str());
}
)")};
  const auto built = build();
  ASSERT_TRUE(built) << built.error().message;
  EXPECT_EQ(built->warnings, "");
  EXPECT_EQ(output_of(built->program), "d0\n");
}

TEST_F(BuilderTest, AWarningThatTheProfileNamesIsGiven) {
  request_.options.flags = {"-Wstringop-overflow"};
  request_.sources = {write("cell.cpp", R"(
#include <cstring>
char small[4];
int main(int, char** argv) { std::memcpy(small, argv[0], 8); }
)")};
  const auto built = build();
  ASSERT_TRUE(built) << built.error().message;
  EXPECT_NE(built->warnings.find("[-Wstringop-overflow"), std::string::npos) << built->warnings;
}

TEST_F(BuilderTest, AnUndefinedReferenceIsACompileErrorThatNamesTheSource) {
  request_.sources = {write("cell.cpp", "int absent();\nint main() { return absent(); }\n")};
  const auto built = build();
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code, ErrorCode::kCompilation);
  EXPECT_NE(built.error().message.find("undefined"), std::string::npos);
  EXPECT_NE(built.error().message.find("cell.cpp.o"), std::string::npos);
  EXPECT_EQ(built.error().message.find("/objects/"), std::string::npos) << built.error().message;
}

TEST_F(BuilderTest, AllFailingUnitsReportAndProgressIsTold) {
  request_.sources = {write("a.cpp", "int a = first;\n"), write("b.cpp", "int b = second;\n")};
  settings_.parallel = 2;
  const auto both = build();
  ASSERT_FALSE(both);
  EXPECT_NE(both.error().message.find("first"), std::string::npos);

  request_.sources = {write("c.cpp", "int main() {}\n"), write("d.cpp", "int d;\n"),
                      write("e.cpp", "int e;\n")};
  std::vector<unsigned> told;
  Builder builder(settings_);
  ASSERT_TRUE(builder.build(request_, [&](const std::string& job, unsigned done, unsigned all) {
    EXPECT_EQ(job, "cell");
    EXPECT_EQ(all, 3u);
    told.push_back(done);
  }));
  EXPECT_EQ(told.front(), 0u);
  EXPECT_EQ(told.back(), 3u);
  EXPECT_TRUE(std::ranges::is_sorted(told));
}

TEST_F(BuilderTest, AMissingCompilerSaysHowToGetIt) {
  request_.sources = {write("cell.cpp", kHello)};
  request_.options.compiler = "clang++-99";
  const auto missing = build();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kCompiler);
  EXPECT_NE(missing.error().message.find("apt-get install clang-99"), std::string::npos);
  request_.options.compiler = "/nowhere/g++";
  EXPECT_EQ(build().error().code, ErrorCode::kCompiler);
  request_.options.compiler = "/bin/true";
  EXPECT_EQ(build().error().code, ErrorCode::kCompiler);
}

TEST_F(BuilderTest, WordsOfAProfileCannotBecomeOptions) {
  fs::create_directories(root_ / "job");
  request_.sources = {write("-o evil.cpp",
                            "#include <cstdio>\n"
                            "int main() { std::puts(WORDS); }\n"),
                      write("@file.cpp", "int other;\n"), write("a'b\"c $(d).cpp", "int third;\n")};
  request_.options.defines = {{"WORDS", "\"-o x; $(touch evil) 'q' \\\\ # é\""}};
  const auto built = build();
  ASSERT_TRUE(built) << built.error().message;
  EXPECT_EQ(output_of(built->program), "-o x; $(touch evil) 'q' \\ # é\n");

  for (const std::string flag : {"-o", "-oevil", "-c", "-E", "-MF", "@words", "-xc", "-", ""}) {
    request_.options.flags = {flag};
    const auto refused = build();
    ASSERT_FALSE(refused) << flag;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidProfile);
    EXPECT_NE(refused.error().message.find("'" + flag + "'"), std::string::npos);
  }
  request_.options.flags.clear();
  request_.options.defines = {{"X=1 -o", "y"}};
  EXPECT_EQ(build().error().code, ErrorCode::kInvalidProfile);
  request_.options.defines.clear();
  request_.options.optimize = "2 -o";
  EXPECT_EQ(build().error().code, ErrorCode::kInvalidProfile);
}

TEST_F(BuilderTest, BuildsWithClangToo) {
  request_.options.compiler = installed_compiler("clang++");
  request_.options.flags = {"-Wall", "-L/nowhere"};
  request_.sources = {write("cell.cpp", kHello)};
  const auto built = build();
  ASSERT_TRUE(built) << built.error().message;
  EXPECT_EQ(built->warnings, "");
  EXPECT_EQ(output_of(built->program), "hello\n");
  EXPECT_TRUE(build()->from_cache);
}

TEST_F(BuilderTest, AnUnreadableSourceIsNamed) {
  request_.sources = {root_ / "job" / "absent.cpp"};
  const auto built = build();
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code, ErrorCode::kNotFound);
  EXPECT_NE(built.error().message.find("absent.cpp"), std::string::npos);
}

}  // namespace
}  // namespace mvm::build
