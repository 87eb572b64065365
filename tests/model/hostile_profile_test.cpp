// SPDX-License-Identifier: GPL-3.0-or-later
// Texts that are made to cost more than they are worth. Each is read in a child with little memory
// and must be refused within 100 ms; bench/hostile measures that. Here the processor's time counts,
// which a busy machine does not stretch, with slack for builds that are not optimised.
#include "profile_folder.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <chrono>
#include <functional>

#include <mvm/base/clock.hpp>
#include <mvm/model/loaded_profile.hpp>

namespace mvm::model {
namespace {

using namespace std::chrono_literals;

constexpr rlim_t kMemory = 128u << 20;

/// What the child found out.
struct Outcome {
  bool refused = false;
  std::chrono::microseconds time{0};  ///< of the processor
  std::chrono::microseconds wall{0};
  char message[256] = "";
};

/// The processor's time of this process so far.
std::chrono::microseconds processor_time() {
  timespec spent{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return std::chrono::seconds(spent.tv_sec) + std::chrono::duration_cast<std::chrono::microseconds>(
                                                  std::chrono::nanoseconds(spent.tv_nsec));
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // sanitizers reserve more address space than any limit
constexpr auto kSoon = 3s;
#elif defined(__OPTIMIZE__)
constexpr bool kSanitized = false;
constexpr auto kSoon = 200ms;
#else
constexpr bool kSanitized = false;
constexpr auto kSoon = 1s;
#endif

/// Runs `read` in a child whose data may not grow beyond kMemory.
Outcome in_a_child(const std::function<std::expected<LoadedProfile, Diagnostics>()>& read) {
  auto* outcome = static_cast<Outcome*>(
      ::mmap(nullptr, sizeof(Outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  const auto child = ::fork();
  if (child == 0) {
    const rlimit limit{kMemory, kMemory};
    if (!kSanitized) ::setrlimit(RLIMIT_DATA, &limit);
    const auto begin = now();
    const auto spent = processor_time();
    const auto profile = read();
    outcome->time = processor_time() - spent;
    outcome->wall = std::chrono::duration_cast<std::chrono::microseconds>(now() - begin);
    outcome->refused = !profile;
    if (!profile) {
      profile.error().front().to_string().copy(outcome->message, sizeof outcome->message - 1);
    }
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "the child died: " << status;
  const Outcome result = *outcome;
  ::munmap(outcome, sizeof(Outcome));
  return result;
}

/// For bench/hostile.
void record(const Outcome& outcome) {
  testing::Test::RecordProperty("microseconds", std::to_string(outcome.wall.count()));
  testing::Test::RecordProperty("processor_microseconds", std::to_string(outcome.time.count()));
}

constexpr std::string_view kHead = "<profile xmlns=\"urn:mvm:profile:1\" name=\"bad\">";

std::string repeated(std::string_view words, std::size_t times) {
  std::string out;
  out.reserve(words.size() * times);
  for (std::size_t i = 0; i < times; ++i) out += words;
  return out;
}

/// A text, and what is said about it.
struct Hostile {
  const char* name;
  std::function<std::string()> xml;
  const char* complaint;
};

class HostileProfile : public testing::TestWithParam<Hostile> {};

TEST_P(HostileProfile, IsRefusedSoonAndInLittleMemory) {
  const ProfileFolder folder;
  ReadOptions options;
  options.schema = default_schema();
  const auto xml = GetParam().xml();
  // The schema is read beforehand, as in a service that reads many profiles.
  ASSERT_FALSE(read_profile_text("<x/>", "x", folder.path(), options));
  const auto outcome =
      in_a_child([&] { return load_profile_text(xml, "bad.mvm.xml", folder.path(), options, {}); });
  record(outcome);
  EXPECT_TRUE(outcome.refused);
  EXPECT_LT(outcome.time, kSoon);
  EXPECT_NE(std::string(outcome.message).find(GetParam().complaint), std::string::npos)
      << outcome.message;
}

std::string with_job(const std::string& attributes, const std::string& content) {
  return text(kHead, "<job name=\"cell\" ", attributes, ">", content, "</job></profile>");
}

const Hostile kHostile[] = {
    {"doctype", [] { return text("<!DOCTYPE p SYSTEM \"http://example.org/\">", kHead); },
     "DOCTYPE"},
    {"doctype_far_behind", [] { return text(repeated("<!-- x -->", 100'000), "<!DOCTYPE p>"); },
     "DOCTYPE"},
    {"billion_laughs",
     [] {
       std::string xml = "<!DOCTYPE p [<!ENTITY a0 \"ha\">";
       for (int i = 1; i < 11; ++i) {
         xml += text("<!ENTITY a", i, " \"", repeated(text("&a", i - 1, ";"), 10), "\">");
       }
       return xml + "]><p>&a10;</p>";
     },
     "DOCTYPE"},
    {"two_million_levels", [] { return repeated("<a>", 1'000'000); }, "deeper than 64"},
    {"two_million_levels_in_a_profile",
     [] { return text(kHead, repeated("<job>", 300'000), repeated("</job>", 300'000)); },
     "deeper than 64"},
    {"too_large", [] { return text(kHead, repeated(" ", 5'000'000), "</profile>"); },
     "larger than"},
    {"many_attributes",
     [] {
       std::string attributes;
       for (int i = 0; i < 200'000; ++i) attributes += text("a", i, "=\"\" ");
       return with_job(attributes, "");
     },
     "attributes"},
    {"long_attribute",
     [] { return with_job(text("count=\"", repeated("1", 3'000'000), "\""), ""); },
     "attribute of more than"},
    {"many_elements", [] { return with_job("", repeated("<arg/>", 200'000)); },
     "more than 40000 elements"},
    {"many_attributes_in_all",
     [] { return with_job("", repeated("<arg a=\"\" b=\"\" c=\"\"/>", 35'000)); },
     "more than 100000 attributes"},
    {"many_unknown_elements", [] { return with_job("", repeated("<x/>", 39'000)); }, "no element"},
    {"many_unknown_attributes",
     [] { return with_job("", repeated("<arg x=\"\" y=\"\"/>", 39'000)); }, "no attribute"},
    {"many_missing_attributes", [] { return with_job("", repeated("<env/>", 39'000)); },
     "needs the attribute"},
    {"many_bad_values",
     [] { return text(kHead, repeated("<job name=\"?\" count=\"?\"/>", 39'000), "</profile>"); },
     "is not"},
    {"many_missing_sources", [] { return with_job("", repeated("<source>x</source>", 39'000)); },
     "is not found"},
    {"many_bad_expressions", [] { return with_job("", repeated("<arg>${x+}</arg>", 39'000)); },
     "unknown name"},
    {"many_rules_that_match_nothing",
     [] {
       auto xml = text(kHead,
                       "<job name=\"a\" count=\"16\"><source>job.cpp</source></job>"
                       "<topology><graph kind=\"torus\" over=\"a\"/></topology><queues>");
       for (int i = 0; i < 9'999; ++i) xml += text("<queue on=\"a.x", i, "\" capacity=\"1\"/>");
       return xml + "</queues></profile>";
     },
     "matches no"},
    {"dollars", [] { return with_job(text("count=\"", repeated("$", 65'000), "\""), ""); },
     "count"},
    {"braces", [] { return with_job(text("count=\"", repeated("${", 32'000), "\""), ""); },
     "count"},
    {"spaces_in_dims",
     [] {
       return text(kHead, "<job name=\"a\"/><topology><graph over=\"a\" kind=\"mesh\" dims=\"1",
                   repeated(" ", 65'000), "!\"/></topology></profile>");
     },
     "dims"},
    {"growing_parameters",
     [] {
       auto xml =
           std::string(kHead) + "<param name=\"a0\" type=\"string\" default=\"0123456789\"/>";
       for (int i = 1; i < 12; ++i) {
         xml += text("<param name=\"a", i, "\" type=\"string\" default=\"",
                     repeated(text("${a", i - 1, "}"), 100), "\"/>");
       }
       return xml + "<job name=\"cell\"/></profile>";
     },
     "longer than 65536"},
    {"unknown_names_against_many_jobs",
     [] {
       auto xml = std::string(kHead);
       for (int i = 0; i < 9'999; ++i) xml += text("<job name=\"job-number-", i, "\"/>");
       xml += "<topology>";
       for (int i = 0; i < 29'000; ++i) xml += "<link from=\"x.y\" to=\"z.y\"/>\n";
       return xml + "</topology></profile>";
     },
     "no <source>"},
    {"zero_byte", [] { return std::string(kHead) + std::string(1, '\0'); }, "zero byte"},
    {"utf16", [] { return std::string("\xFF\xFE<\0p\0", 6); }, "zero byte"},
    {"utf7", [] { return std::string("<?xml version='1.0' encoding='UTF-7'?><p/>"); }, "UTF-8"},
    {"open_comment", [] { return text(kHead, "<!--", repeated("-", 3'000'000)); }, "well-formed"},
    {"quotes_in_text", [] { return text(kHead, repeated("'\">", 100'000)); }, "well-formed"},
};

INSTANTIATE_TEST_SUITE_P(Text, HostileProfile, testing::ValuesIn(kHostile),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(HostileFile, AGigabyteOfAttributesIsNotEvenRead) {
  const ProfileFolder folder;
  const auto file = folder.write("bad.mvm.xml", text(kHead, "<job "));
  std::filesystem::resize_file(file, 1u << 30);  // sparse: the test writes no gigabyte
  ReadOptions options;
  options.schema = default_schema();
  const auto outcome = in_a_child([&] { return load_profile(file, options, {}); });
  record(outcome);
  EXPECT_TRUE(outcome.refused);
  EXPECT_LT(outcome.time, kSoon);
  EXPECT_NE(std::string(outcome.message).find("larger than 4 MiB"), std::string::npos)
      << outcome.message;
}

TEST(HostileFile, AFifoIsNotWaitedFor) {
  const ProfileFolder folder;
  const auto fifo = folder.path() / "bad.mvm.xml";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  ReadOptions options;
  options.schema = default_schema();
  const auto outcome = in_a_child([&] { return load_profile(fifo, options, {}); });
  record(outcome);
  EXPECT_TRUE(outcome.refused);
}

}  // namespace
}  // namespace mvm::model
