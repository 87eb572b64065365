// SPDX-License-Identifier: GPL-3.0-or-later
// Each bad/NAME.mvm.xml is a profile with mistakes, and bad/NAME.expected holds exactly what is
// said about it, with FOLDER for the folder's path. bad/NAME.parameters holds lines for -p.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <mvm/model/loaded_profile.hpp>

namespace mvm::model {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(MVM_SOURCE_DIR) / "tests/model/bad";
constexpr std::string_view kExtension = ".mvm.xml";

std::string content(const fs::path& file) {
  std::ostringstream out;
  out << std::ifstream(file, std::ios::binary).rdbuf();
  return out.str();
}

std::vector<std::string> names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kFolder)) {
    const auto name = entry.path().filename().string();
    if (name.ends_with(kExtension))
      names.push_back(name.substr(0, name.size() - kExtension.size()));
  }
  std::ranges::sort(names);
  return names;
}

ReadOptions options_for(const std::string& name) {
  ReadOptions options;
  options.schema = default_schema();
  std::ifstream lines(kFolder / (name + ".parameters"));
  for (std::string line; std::getline(lines, line);) {
    const auto equals = line.find('=');
    options.parameters[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return options;
}

/// All that `mvm validate` finds: in the text, in the graph that it describes, in the plan.
Diagnostics complaints_about(const std::string& name) {
  const auto file_name = name + std::string(kExtension);
  const auto loaded = load_profile_text(content(kFolder / file_name), file_name, kFolder,
                                        options_for(name), {0, 1});
  return loaded ? Diagnostics() : loaded.error();
}

std::string words_of(const Diagnostics& diagnostics) {
  std::string words;
  for (const auto& diagnostic : diagnostics) words += diagnostic.to_string() + "\n";
  const auto folder = kFolder.string();
  for (auto at = words.find(folder); at != std::string::npos; at = words.find(folder)) {
    words.replace(at, folder.size(), "FOLDER");
  }
  return words;
}

class BadProfile : public testing::TestWithParam<std::string> {};

TEST_P(BadProfile, IsRefusedWithExactlyTheExpectedWords) {
  const auto found = complaints_about(GetParam());
  EXPECT_FALSE(found.empty()) << "this profile is not bad at all";
  const auto expectation = kFolder / (GetParam() + ".expected");
  ASSERT_TRUE(fs::exists(expectation)) << "write " << expectation << ", for example:\n"
                                       << words_of(found);
  EXPECT_EQ(words_of(found), content(expectation));
}

TEST_P(BadProfile, IsComplainedAboutInTheOrderOfLines) {
  const auto found = complaints_about(GetParam());
  const auto key = [](const Diagnostic& d) { return std::pair(d.file, d.line); };
  EXPECT_TRUE(std::ranges::is_sorted(found, {}, key));
}

INSTANTIATE_TEST_SUITE_P(Folder, BadProfile, testing::ValuesIn(names()), [](const auto& test) {
  auto name = test.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

TEST(BadProfiles, EveryExpectationHasItsProfile) {
  for (const auto& entry : fs::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".expected") continue;
    EXPECT_TRUE(fs::exists(kFolder / (entry.path().stem().string() + std::string(kExtension))))
        << entry.path() << " has no profile";
  }
}

}  // namespace
}  // namespace mvm::model
