// SPDX-License-Identifier: Apache-2.0
// Plugins as a user writes them, compiled here and loaded as tasks do it.
#include "plugin.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <mvm/base/file.hpp>
#include <mvm/base/subprocess.hpp>
#include <mvm/queuelayer/codec_chain.hpp>

namespace mvm {
namespace {

namespace fs = std::filesystem;
using queue::CodecBuffer;
using queue::CodecChain;
using queue::CodecKind;
using queue::ConstBytes;

/// Shared objects that are made from sources and removed at the end.
class PluginTest : public testing::Test {
 protected:
  void SetUp() override {
    auto pattern = (fs::temp_directory_path() / "mvm-plugin-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  /// Compiles `source` behind the public header to the plugin NAME.so.
  std::string build(const std::string& name, std::string_view source,
                    std::string_view header = "#include <mvm/plugin.hpp>\n") {
    const auto file = folder_ / (name + ".cpp");
    const auto object = folder_ / (name + ".so");
    EXPECT_TRUE(write_file_atomically(file, std::string(header) + std::string(source)));
    SpawnRequest request;
    // -fvisibility=hidden: what a plugin exports must not depend on the user's flags.
    request.arguments = {"g++",
                         "-std=c++17",
                         "-Wall",
                         "-Wextra",
                         "-Wpedantic",
                         "-Werror",
                         "-shared",
                         "-fPIC",
                         "-fvisibility=hidden",
                         "-I" MVM_SOURCE_DIR "/sdk/include",
                         "-o",
                         object.native(),
                         file.native()};
    const char* path = ::getenv("PATH");
    request.environment = {std::string("PATH=") + (path != nullptr ? path : "/usr/bin:/bin")};
    const auto compiled = run_guarded(std::move(request), std::chrono::minutes(1), 1_MiB);
    EXPECT_TRUE(compiled) << compiled.error().message;
    EXPECT_TRUE(compiled && compiled->status.success()) << (compiled ? compiled->errors : "");
    return object.native();
  }

  fs::path folder_;
};

constexpr std::string_view kRot13 = R"(
struct Rot13 : mvm::plugin::Codec {
  void encode(std::string_view plain, mvm::plugin::Output& out) override {
    char* to = out.resize(plain.size());
    for (char c : plain) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>('a' + (c - 'a' + 13) % 26);
      *to++ = c;
    }
  }
  void decode(std::string_view encoded, mvm::plugin::Output& out) override { encode(encoded, out); }
};
MVM_CODEC(Rot13)
)";

ConstBytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
std::string text_of(ConstBytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string encoded(queue::Codec& codec, std::string_view plain) {
  CodecBuffer space;
  const auto bytes = codec.encode(bytes_of(plain), space);
  return bytes ? text_of(*bytes) : "refused: " + bytes.error().message;
}
std::string decoded(queue::Codec& codec, std::string_view bytes, std::size_t limit = 1000) {
  CodecBuffer space;
  const auto plain = codec.decode(bytes_of(bytes), limit, space);
  return plain ? text_of(*plain) : "refused: " + plain.error().message;
}
std::string load_error(const std::string& path, std::int32_t level = 0) {
  const auto codec = load_codec(path, level);
  return codec ? "loaded" : codec.error().message;
}
bool contains(std::string_view words, std::string_view part) {
  return words.find(part) != std::string_view::npos;
}

TEST_F(PluginTest, ACodecEncodesAndDecodes) {
  const auto codec = load_codec(build("rot13", kRot13), 0);
  ASSERT_TRUE(codec) << codec.error().message;
  EXPECT_EQ((*codec)->name(), "rot13");
  EXPECT_EQ(encoded(**codec, "hello, world"), "uryyb, jbeyq");
  EXPECT_EQ(decoded(**codec, "uryyb, jbeyq"), "hello, world");
  EXPECT_EQ(encoded(**codec, ""), "");
  const std::string large(1 << 20, 'a');
  EXPECT_EQ(encoded(**codec, large), std::string(1 << 20, 'n'));
}

TEST_F(PluginTest, ACodecIsAStageOfAChainLikeAnyOther) {
  const auto path = build("rot13", kRot13);
  const std::array<unsigned char, 32> secret = {1};
  const auto make = [&] {
    const std::vector<queue::CodecStage> stages{
        {CodecKind::kCustom, 0, path}, {CodecKind::kLz4}, {CodecKind::kAesGcm}};
    auto chain = CodecChain::make(stages, secret, 1, load_codec);
    EXPECT_TRUE(chain) << chain.error().message;
    return std::move(*chain);
  };
  const auto sender = make();
  const auto receiver = make();
  EXPECT_EQ(sender->words(), "rot13, lz4, aes-gcm");
  const auto bytes = sender->encode(bytes_of("hello"));
  ASSERT_TRUE(bytes);
  CodecBuffer space;
  const auto plain = receiver->decode(*bytes, space);
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_EQ(text_of(plain->bytes), "hello");
}

TEST_F(PluginTest, ACodecIsGivenItsLevel) {
  const auto codec = load_codec(build("repeat", R"(
    struct Repeat : mvm::plugin::Codec {
      explicit Repeat(int level) : times(level) {
        if (level < 1) throw std::invalid_argument("repeat needs a level of 1 or more");
      }
      void encode(std::string_view plain, mvm::plugin::Output& out) override {
        for (int i = 0; i < times; ++i) out.append(plain);
      }
      void decode(std::string_view encoded, mvm::plugin::Output& out) override {
        out.append(encoded.substr(0, encoded.size() / static_cast<std::size_t>(times)));
      }
      int times;
    };
    MVM_CODEC(Repeat))"),
                                3);
  ASSERT_TRUE(codec) << codec.error().message;
  EXPECT_EQ(encoded(**codec, "ab"), "ababab");
  EXPECT_EQ(decoded(**codec, "ababab"), "ab");
  const auto refused = load_error((folder_ / "repeat.so").native(), 0);
  EXPECT_TRUE(contains(refused, "'repeat' cannot start: repeat needs a level")) << refused;
}

TEST_F(PluginTest, ExceptionsBecomeErrors) {
  const auto codec = load_codec(build("moody", R"(
    struct Moody : mvm::plugin::Codec {
      void encode(std::string_view, mvm::plugin::Output&) override { throw 42; }
      void decode(std::string_view encoded, mvm::plugin::Output& out) override {
        if (encoded.empty()) throw std::runtime_error("nothing is no message");
        out.append(encoded);
      }
    };
    MVM_CODEC(Moody))"),
                                0);
  ASSERT_TRUE(codec) << codec.error().message;
  EXPECT_TRUE(contains(encoded(**codec, "x"), "refused: it threw what is no std::exception"));
  EXPECT_EQ(decoded(**codec, ""), "refused: nothing is no message");
  EXPECT_EQ(decoded(**codec, "still works"), "still works");
}

TEST_F(PluginTest, ABombIsStoppedAtTheLimit) {
  const auto codec = load_codec(build("bomb", R"(
    struct Bomb : mvm::plugin::Codec {
      void encode(std::string_view plain, mvm::plugin::Output& out) override { out.append(plain); }
      void decode(std::string_view, mvm::plugin::Output& out) override {
        for (;;) out.append(std::string_view("boom"));
      }
    };
    MVM_CODEC(Bomb))"),
                                0);
  ASSERT_TRUE(codec) << codec.error().message;
  EXPECT_TRUE(contains(decoded(**codec, "x", 10'000), "over the limit"));
}

TEST_F(PluginTest, AQueueTypeRanksMessages) {
  const auto rule = load_queue_type(build("nearest", R"(
    struct Nearest : mvm::plugin::QueueType {
      std::int64_t rank(const mvm::plugin::Message& m) override {
        return m.value<int>() * 1000 + m.priority * 100 + static_cast<std::int64_t>(m.number) +
               (m.deadline_ns == mvm::plugin::kNoDeadline ? 0 : m.deadline_ns - m.now_ns);
      }
    };
    MVM_QUEUE_TYPE(Nearest))"));
  ASSERT_TRUE(rule) << rule.error().message;
  const int seven = 7;
  queue::RankedMessage message{.number = 5,
                               .data = &seven,
                               .length = sizeof seven,
                               .type = 0,
                               .priority = 2,
                               .now_ns = 100,
                               .deadline_ns = queue::kNever};
  EXPECT_EQ((*rule)(message), 7205);
  message.deadline_ns = 130;
  EXPECT_EQ((*rule)(message), 7235);
  message.length = 3;
  const auto refused = (*rule)(message);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(contains(refused.error().message, "queue type 'nearest' cannot rank a message: "))
      << refused.error().message;
  EXPECT_TRUE(contains(refused.error().message, "shorter than the value"));
}

TEST_F(PluginTest, AQueueTypeThatSaysNothingIsFirstInFirstOut) {
  const auto rule = load_queue_type(
      build("plain", "struct Plain : mvm::plugin::QueueType {};\nMVM_QUEUE_TYPE(Plain)"));
  ASSERT_TRUE(rule) << rule.error().message;
  EXPECT_EQ((*rule)({.number = 9}), 9);
}

TEST_F(PluginTest, WhatIsNoPluginIsRefusedByName) {
  const auto nothing = (folder_ / "nothing.so").native();
  EXPECT_TRUE(contains(load_error(nothing), "plugin 'nothing' (" + nothing + ") cannot be loaded"));
  EXPECT_TRUE(contains(load_error("libz.so.1"), "has no absolute path"));

  ASSERT_TRUE(write_file_atomically(folder_ / "text.so", "this is no shared object"));
  EXPECT_TRUE(contains(load_error((folder_ / "text.so").native()), "cannot be loaded"));

  EXPECT_TRUE(contains(load_error(build("empty", "", "int nobody_asked_for_this;\n")),
                       "must have MVM_CODEC(type) or MVM_QUEUE_TYPE(type)"));
  EXPECT_TRUE(contains(load_error(build("other",
                                        "extern \"C\" { extern const long mvm_plugin[8];\n"
                                        "const long mvm_plugin[8] = {1, 2}; }\n",
                                        "")),
                       "is no plugin"));
  EXPECT_TRUE(contains(load_error(build("lost", R"(
      std::size_t defined_nowhere();
      struct Lost : mvm::plugin::Codec {
        void encode(std::string_view, mvm::plugin::Output& out) override {
          out.resize(defined_nowhere());
        }
        void decode(std::string_view, mvm::plugin::Output&) override {}
      };
      MVM_CODEC(Lost))")),
                       "defined_nowhere"));
}

TEST_F(PluginTest, AnotherVersionIsRefused) {
  const auto words = load_error(build("old", R"(
    namespace abi = mvm::plugin::abi;
    const abi::Plugin mvm_plugin = {abi::kMagic, 77, abi::kCodec, sizeof(abi::Plugin),
                                    nullptr, nullptr, nullptr, nullptr, nullptr};)"));
  EXPECT_TRUE(contains(words, "built for version 77")) << words;
}

TEST_F(PluginTest, MissingFunctionsAreRefused) {
  const auto words = load_error(build("hollow", R"(
    namespace abi = mvm::plugin::abi;
    const abi::Plugin mvm_plugin = {abi::kMagic, abi::kVersion, abi::kCodec, sizeof(abi::Plugin),
                                    nullptr, nullptr, nullptr, nullptr, nullptr};)"));
  EXPECT_TRUE(contains(words, "lacks functions")) << words;
}

TEST_F(PluginTest, OneKindIsNotTheOther) {
  const auto path = build("rot13", kRot13);
  const auto rule = load_queue_type(path);
  ASSERT_FALSE(rule);
  EXPECT_TRUE(contains(rule.error().message,
                       "is a codec (MVM_CODEC), but the profile uses it as a "
                       "queue type (MVM_QUEUE_TYPE)"))
      << rule.error().message;
}

TEST_F(PluginTest, TwoPluginsDoNotSeeEachOther) {
  const auto first = load_codec(build("first", std::string(kRot13)), 0);
  std::string other(kRot13);
  other.replace(other.find("+ 13"), 4, "+ 1 ");
  const auto second = load_codec(build("second", other), 0);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(encoded(**first, "abc"), "nop");
  EXPECT_EQ(encoded(**second, "abc"), "bcd");
}

/// What every job would load though most need none of it.
TEST(LibMvm, LoadsNeitherCryptographyNorCompressionByItself) {
  SpawnRequest request;
  request.arguments = {"/usr/bin/readelf", "--dynamic", "--wide", MVM_BINARY_DIR "/lib/libmvm.so"};
  request.environment = {"LC_ALL=C"};
  const auto read = run_guarded(std::move(request), std::chrono::minutes(1), 1_MiB);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_TRUE(read->status.success()) << read->errors;
  ASSERT_TRUE(contains(read->output, "(NEEDED)")) << read->output;
  for (const auto* library : {"libcrypto", "libssl", "liblz4", "libzstd", "libisal", "libzmq"}) {
    EXPECT_FALSE(contains(read->output, library)) << read->output;
  }
}

}  // namespace
}  // namespace mvm
