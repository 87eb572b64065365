// SPDX-License-Identifier: GPL-3.0-or-later
#include <dlfcn.h>

#include <mvm/plugin.hpp>

#include "build_fixture.hpp"

namespace mvm::build {
namespace {

constexpr std::string_view kShortest = R"(#include <mvm/plugin.hpp>
struct Shortest : mvm::plugin::QueueType {
  std::int64_t rank(const mvm::plugin::Message& message) override {
    return static_cast<std::int64_t>(message.bytes.size());
  }
};
MVM_QUEUE_TYPE(Shortest)
)";

class PluginBuildTest : public BuildTest {
 protected:
  void SetUp() override {
    BuildTest::SetUp();
    request_.job = "shortest";
    request_.product = Product::kPlugin;
    settings_.sdk_include = std::filesystem::path(MVM_SOURCE_DIR) / "sdk" / "include";
  }

  /// The rank that a built plugin gives to a message of that length; -1 when it is no plugin.
  static std::int64_t rank_by(const std::filesystem::path& object, std::uint64_t length) {
    void* const handle = ::dlopen(object.c_str(), RTLD_NOW | RTLD_LOCAL);
    EXPECT_NE(handle, nullptr) << ::dlerror();
    if (handle == nullptr) return -1;
    const auto* plugin = static_cast<const plugin::abi::Plugin*>(::dlsym(handle, "mvm_plugin"));
    EXPECT_NE(plugin, nullptr);
    if (plugin == nullptr || plugin->kind != plugin::abi::kQueueType) return -1;
    const plugin::abi::Host host{};
    void* const self = plugin->make(0, &host);
    const plugin::abi::RankedMessage message{.data = "", .length = length};
    std::int64_t rank = -1;
    EXPECT_EQ(plugin->rank(self, &message, &rank, &host), 0);
    plugin->destroy(self);
    return rank;
  }
};

TEST_F(PluginBuildTest, BuildsASharedObjectThatLoads) {
  request_.sources = {write("shortest.cpp", kShortest)};
  const auto built = build();
  ASSERT_TRUE(built) << built.error().message;
  EXPECT_EQ(built->program.filename(), "shortest.so");
  EXPECT_EQ(rank_by(built->program, 17), 17);
}

TEST_F(PluginBuildTest, ClangBuildsOneToo) {
  request_.options.compiler = installed_compiler("clang++");
  request_.sources = {write("shortest.cpp", kShortest)};
  const auto built = build();
  ASSERT_TRUE(built) << built.error().message;
  EXPECT_EQ(built->warnings, "");
  EXPECT_EQ(rank_by(built->program, 3), 3);
}

TEST_F(PluginBuildTest, IsFoundInTheCacheAndSeesChanges) {
  request_.sources = {write("shortest.cpp", kShortest)};
  ASSERT_TRUE(build());
  const auto calls_before = calls().size();
  const auto again = build();
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->from_cache);
  EXPECT_EQ(calls().size(), calls_before);

  std::string other(kShortest);
  other.replace(other.find("message.bytes.size()"), 20, "message.bytes.size() + 1");
  write("shortest.cpp", other);
  const auto changed = build();
  ASSERT_TRUE(changed) << changed.error().message;
  EXPECT_FALSE(changed->from_cache);
  EXPECT_EQ(rank_by(changed->program, 17), 18);
}

TEST_F(PluginBuildTest, IsMadeOfSeveralSources) {
  std::string main(kShortest);
  main.replace(main.find("message.bytes.size()"), 20, "twice(message.bytes.size())");
  request_.sources = {
      write("shortest.cpp", "#include <cstddef>\nstd::size_t twice(std::size_t n);\n" + main),
      write("twice.cpp",
            "#include <cstddef>\nstd::size_t twice(std::size_t n) { return 2 * n; }\n")};
  const auto built = build();
  ASSERT_TRUE(built) << built.error().message;
  EXPECT_EQ(rank_by(built->program, 17), 34);
}

TEST_F(PluginBuildTest, AJobOfTheSameSourceIsAnotherResult) {
  request_.sources = {write("both.cpp", std::string(kShortest) + "int main() { return 0; }\n")};
  const auto plugin = build();
  ASSERT_TRUE(plugin) << plugin.error().message;
  request_.product = Product::kProgram;
  const auto program = build();
  ASSERT_TRUE(program) << program.error().message;
  EXPECT_FALSE(program->from_cache);
  EXPECT_EQ(program->program.filename(), "shortest");
  EXPECT_EQ(output_of(program->program), "");
  EXPECT_EQ(rank_by(plugin->program, 5), 5);
}

TEST_F(PluginBuildTest, ErrorsNameThePlugin) {
  std::string incomplete(kShortest);
  incomplete.replace(incomplete.find("message.bytes.size()"), 20, "defined_nowhere()");
  request_.sources = {write("shortest.cpp", "long defined_nowhere();\n" + incomplete)};
  const auto unlinked = build();
  ASSERT_FALSE(unlinked) << "what nobody defines is found while building, not while running";
  EXPECT_EQ(unlinked.error().code, ErrorCode::kCompilation);
  EXPECT_NE(unlinked.error().message.find("defined_nowhere"), std::string::npos);

  request_.options.optimize = "9";
  const auto refused = build();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.starts_with("plugin 'shortest': "))
      << refused.error().message;

  request_.sources.clear();
  const auto nothing = build();
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().message, "plugin 'shortest' has no sources");
}

}  // namespace
}  // namespace mvm::build
