// SPDX-License-Identifier: GPL-3.0-or-later
#include "profile_folder.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include <mvm/model/plan.hpp>
#include <mvm/model/topology.hpp>

namespace mvm::model {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* kJob = R"(<job name="cell" count="4"><source>job.cpp</source></job>)";

#define ASSERT_READ(profile) ASSERT_TRUE(profile) << words_of(profile.error())

TEST(Profile, EverythingThatIsWrittenIsRead) {
  const ProfileFolder folder;
  folder.write("a.cpp", "");
  folder.write("include/a.hpp", "");
  folder.write("initial.csv", "");
  const auto profile = folder.read(R"(
    <param name="side" type="int" default="2" min="1" max="64" description="of the square"/>
    <param name="shape" type="string" default="torus" choices="mesh torus"/>
    <job name="cell" count="${side * side}" execution="process">
      <source>*.cpp</source>
      <build std="c++23" optimize="3" compiler="clang++-19">
        <define name="N" value="${side + 1}"/><define name="FAST"/>
        <include>include</include><link>m</link><flag>-march=native</flag>
      </build>
      <arg>--neighbour=${(index + 1) % count}</arg><arg/>
      <env name="LEVEL" value="${index}"/>
      <input>initial.csv</input>
      <output>field-*.csv</output>
    </job>
    <job name="monitor"><source>job.cpp</source></job>
    <topology>
      <graph kind="${shape}" over="cell" dims="${side} ${side}" weight="3"/>
      <link from="cell.stats" to="monitor[0].in" spread="shared"/>
    </topology>
    <queues>
      <queue on="cell[*].*" type="fifo" capacity="${8 * side}" overflow="block"/>
      <queue on="monitor.in" bytes="1MiB"/>
    </queues>
    <cluster><machines count="2" kind="process" cpus="1" memory="512MiB"/></cluster>
    <policy>
      <placement by="round-robin" pin="false"/>
      <limits wall-time="10min" memory="64MiB" build-time="30s" grace="1500ms"/>
      <on-failure action="continue"/>
    </policy>)");
  ASSERT_READ(profile);

  EXPECT_EQ(profile->name, "test");
  EXPECT_EQ(profile->task_count(), 5u);
  ASSERT_EQ(profile->parameters.size(), 2u);
  EXPECT_EQ(profile->parameters[0].value, "2");
  EXPECT_EQ(profile->parameters[0].description, "of the square");

  const auto* cell = profile->find_job("cell");
  ASSERT_NE(cell, nullptr);
  EXPECT_EQ(cell->count, 4u);
  EXPECT_EQ(cell->sources,
            (std::vector<fs::path>{folder.path() / "a.cpp", folder.path() / "job.cpp"}));
  EXPECT_EQ(cell->build.standard, "c++23");
  EXPECT_EQ(cell->build.optimize, "3");
  EXPECT_EQ(cell->build.compiler, "clang++-19");
  EXPECT_EQ(cell->build.defines,
            (std::vector<std::pair<std::string, std::string>>{{"N", "3"}, {"FAST", ""}}));
  EXPECT_EQ(cell->build.include_folders, std::vector<fs::path>{folder.path() / "include"});
  EXPECT_EQ(cell->build.libraries, std::vector<std::string>{"m"});
  EXPECT_EQ(cell->build.flags, std::vector<std::string>{"-march=native"});
  // Words that depend on the task stay as written.
  EXPECT_EQ(cell->arguments, (std::vector<std::string>{"--neighbour=${(index + 1) % count}", ""}));
  EXPECT_EQ(cell->environment.at(0), std::pair(std::string("LEVEL"), std::string("${index}")));
  EXPECT_EQ(cell->inputs, std::vector<std::string>{"initial.csv"});
  EXPECT_EQ(cell->outputs, std::vector<std::string>{"field-*.csv"});
  EXPECT_EQ(cell->folder, folder.path());
  EXPECT_EQ(cell->place.line, 5);

  ASSERT_EQ(profile->graphs.size(), 1u);
  EXPECT_EQ(profile->graphs[0].kind, GraphKind::kTorus);
  EXPECT_EQ(profile->graphs[0].dims, (std::vector<std::uint32_t>{2, 2}));
  EXPECT_EQ(profile->graphs[0].weight, 3u);
  ASSERT_EQ(profile->links.size(), 1u);
  EXPECT_EQ(profile->links[0].spread, queue::Spread::kShared);
  EXPECT_EQ(profile->links[0].to.index, 0u);
  ASSERT_EQ(profile->queues.size(), 2u);
  EXPECT_EQ(profile->queues[0].capacity, 16u);
  EXPECT_EQ(profile->queues[0].port, "*");
  EXPECT_FALSE(profile->queues[0].index);
  EXPECT_EQ(profile->queues[1].bytes, 1_MiB);
  EXPECT_FALSE(profile->queues[1].capacity);
  ASSERT_EQ(profile->machines.size(), 1u);
  EXPECT_EQ(profile->machines[0].memory, 512_MiB);
  EXPECT_EQ(profile->policy.placement, PlacementBy::kRoundRobin);
  EXPECT_FALSE(profile->policy.pin);
  EXPECT_EQ(profile->policy.wall_time, 10min);
  EXPECT_EQ(profile->policy.grace, 1500ms);
  EXPECT_EQ(profile->policy.build_time, 30s);
  EXPECT_EQ(profile->policy.memory, 64_MiB);
  EXPECT_FALSE(profile->policy.end_on_failure);
}

TEST(Profile, WhatIsNotWrittenHasItsDefault) {
  const ProfileFolder folder;
  const auto profile = folder.read(R"(<job name="cell"><source>job.cpp</source></job>)");
  ASSERT_READ(profile);
  EXPECT_EQ(profile->jobs[0].count, 1u);
  EXPECT_EQ(profile->jobs[0].build.compiler, "g++");
  EXPECT_TRUE(profile->graphs.empty());
  EXPECT_TRUE(profile->machines.empty());
  EXPECT_EQ(profile->policy.placement, PlacementBy::kTopology);
  EXPECT_TRUE(profile->policy.end_on_failure);
}

TEST(Profile, GivenParametersReplaceDefaults) {
  const ProfileFolder folder;
  ReadOptions options;
  options.parameters = {{"side", "3"}};
  const auto profile = folder.read(R"(
    <param name="side" type="int" default="2"/>
    <param name="area" type="int" default="${side * side}"/>
    <job name="cell" count="${area}"><source>job.cpp</source></job>)",
                                   options);
  ASSERT_READ(profile);
  EXPECT_EQ(profile->jobs[0].count, 9u);
  EXPECT_EQ(profile->parameters[0].default_value, "2");
  EXPECT_EQ(profile->parameters[0].value, "3");
}

TEST(Profile, GivenWordsAreNotExpressions) {
  const ProfileFolder folder;
  ReadOptions options;
  options.parameters = {{"words", "${side}"}};
  const auto profile = folder.read(R"(
    <param name="words" type="string" default=""/>
    <job name="cell"><source>job.cpp</source><env name="W" value="${words}"/></job>)",
                                   options);
  ASSERT_READ(profile);
  EXPECT_EQ(expand(profile->jobs[0].environment.at(0).second, profile->jobs[0].scope).value(),
            "${side}");
}

TEST(Profile, OneGraphServesEveryKindWhenTheKindIsAParameter) {
  const ProfileFolder folder;
  for (const auto& kind : {"ring", "torus", "hypercube", "random-regular", "complete"}) {
    ReadOptions options;
    options.parameters = {{"shape", kind}};
    const auto profile = folder.read(R"(
      <param name="shape" type="string" default="ring"/>
      <job name="cell" count="16"><source>job.cpp</source></job>
      <topology><graph kind="${shape}" over="cell" dims="4 4" degree="3"/></topology>)",
                                     options);
    ASSERT_READ(profile);
    EXPECT_EQ(to_string(profile->graphs[0].kind), kind);
    EXPECT_TRUE(expand_topology(*profile)) << kind;
  }
}

TEST(Profile, LinesAreThoseOfTheAttributeAlsoInLongTags) {
  const ProfileFolder folder;
  const auto profile = folder.read(
      "<job\r\n  name=\"cell\"\r\n  count=\"many\"\r\n  speed=\"3\"\r\n>"
      "<source>job.cpp</source></job>");
  ASSERT_FALSE(profile);
  ASSERT_EQ(profile.error().size(), 2u) << words_of(profile.error());
  EXPECT_EQ(profile.error()[0].line, 4);
  EXPECT_EQ(profile.error()[1].line, 5);
}

TEST(Profile, AByteOrderMarkAndPrefixesMakeNoDifference) {
  const ProfileFolder folder;
  ReadOptions options;
  options.schema = default_schema();
  const auto profile = read_profile_text(
      "\xEF\xBB\xBF<?xml version='1.0' encoding='utf-8'?>\n<!-- x < y -->\n<m:profile "
      "xmlns:m='urn:mvm:profile:1' name='test'>\n<m:job name='cell'><m:source><![CDATA[job.cpp]]>"
      "</m:source></m:job>\n<m:topology><m:graph kind='x' over='cell'/></m:topology></m:profile>",
      "test.mvm.xml", folder.path(), options);
  ASSERT_FALSE(profile);
  ASSERT_EQ(profile.error().size(), 1u) << words_of(profile.error());
  EXPECT_EQ(profile.error()[0].line, 5);
}

TEST(Profile, AReferenceIsFoundBesideTheFileBeforeTheFolders) {
  const ProfileFolder folder;
  const ProfileFolder user;
  ReadOptions options;
  options.profile_folders = {user.path()};
  const auto cluster = [](int count) {
    return text(R"(<cluster xmlns="urn:mvm:profile:1" name="lab"><machines count=")", count,
                R"("/></cluster>)");
  };
  const auto body = std::string(kJob) + R"(<cluster ref="lab"/>)";
  user.write("lab.mvm.xml", cluster(2));
  auto profile = folder.read(body, options);
  ASSERT_READ(profile);
  EXPECT_EQ(profile->machines.at(0).count, 2u);
  EXPECT_EQ(profile->machines.at(0).place.file, (user.path() / "lab.mvm.xml").string());

  folder.write("lab.mvm.xml", cluster(3));
  profile = folder.read(body, options);
  ASSERT_READ(profile);
  EXPECT_EQ(profile->machines.at(0).count, 3u);
  EXPECT_EQ(profile->machines.at(0).place.file, "lab.mvm.xml");
}

TEST(Profile, ARegisteredJobKeepsItsFolderAndParameters) {
  const ProfileFolder folder;
  folder.write("jobs/render.cpp", "int main() {}");
  folder.write("jobs/render.mvm.xml", R"(<job xmlns="urn:mvm:profile:1" name="render" count="2">
    <param name="depth" type="int" default="3" max="9"/>
    <source>render.cpp</source><arg>${depth * 2}</arg></job>)");
  const auto profile = folder.read(R"(
    <param name="d" type="int" default="4"/>
    <job name="left" ref="jobs/render"><set name="depth" value="${d + 1}"/></job>
    <job name="right" count="7" ref="jobs/render"/>)");
  ASSERT_READ(profile);
  const auto& left = profile->jobs.at(0);
  EXPECT_EQ(left.name, "left");
  EXPECT_EQ(left.count, 2u);
  EXPECT_EQ(left.folder, folder.path() / "jobs");
  EXPECT_EQ(left.sources.at(0), folder.path() / "jobs/render.cpp");
  EXPECT_EQ(expand(left.arguments.at(0), left.scope).value(), "10");
  EXPECT_EQ(profile->jobs.at(1).count, 7u);
  EXPECT_EQ(expand(profile->jobs.at(1).arguments.at(0), profile->jobs.at(1).scope).value(), "6");
}

/// While it lives, root is somebody whom permissions hold back. Nothing for any other user.
class WithoutPrivileges {
 public:
  WithoutPrivileges() {
    constexpr uid_t kNobody = 65534;
    EXPECT_TRUE(!was_root_ || ::setresuid(kNobody, kNobody, 0) == 0);
  }
  ~WithoutPrivileges() { EXPECT_TRUE(!was_root_ || ::setresuid(0, 0, 0) == 0); }

 private:
  bool was_root_ = ::geteuid() == 0;
};

TEST(Profile, AnUnreadableSourceIsNamed) {
  const ProfileFolder folder;
  ASSERT_READ(folder.read(kJob));  // the schema may lie where only root can read it
  fs::permissions(folder.path(), fs::perms(0755));
  fs::permissions(folder.write("secret.cpp", ""), fs::perms::none);
  const auto profile = [&] {
    const WithoutPrivileges held_back;
    return folder.read(R"(<job name="cell"><source>secret.cpp</source></job>)");
  }();
  ASSERT_FALSE(profile);
  EXPECT_EQ(words_of(profile.error()),
            "test.mvm.xml:2: source 'secret.cpp' cannot be read by this user; change its mode or "
            "owner\n");
}

TEST(Profile, ComplaintsStopAtTheirLimit) {
  const ProfileFolder folder;
  std::string body = kJob;
  body += "<queues>";
  for (int i = 0; i < 5000; ++i) body += R"(<queue on="nobody.in" capacity="1"/>)";
  const auto profile = folder.read(body + "</queues>");
  ASSERT_FALSE(profile);
  EXPECT_EQ(profile.error().size(), 1u);  // they are all the same, in one line

  body = kJob;
  body += "<queues>";
  for (int i = 0; i < 5000; ++i) body += "<queue on=\"nobody.in\" capacity=\"1\"/>\n";
  const auto lines = folder.read(body + "</queues>");
  ASSERT_FALSE(lines);
  EXPECT_EQ(lines.error().size(), kMaxDiagnostics + 1);
  EXPECT_NE(lines.error().back().message.find("more"), std::string::npos);
}

TEST(ProfileFiles, AFolderStandsForTheProfileInIt) {
  const ProfileFolder folder;
  EXPECT_EQ(find_profile(folder.path()).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(find_profile(folder.path() / "none").error().code, ErrorCode::kNotFound);
  const auto one = folder.write("one.mvm.xml", "");
  EXPECT_EQ(find_profile(folder.path()).value(), one);
  EXPECT_EQ(find_profile(one).value(), one);
  folder.write("two.mvm.xml", "");
  const auto several = find_profile(folder.path());
  ASSERT_FALSE(several);
  EXPECT_EQ(several.error().code, ErrorCode::kUsage);
  EXPECT_NE(several.error().message.find("one.mvm.xml, two.mvm.xml"), std::string::npos);
  const auto own = folder.write(folder.path().filename().string() + ".mvm.xml", "");
  EXPECT_EQ(find_profile(folder.path() / "").value().filename(), own.filename());
}

TEST(ProfileFiles, TheSchemaIsFoundAndTheFoldersEndWithTheShippedOne) {
  EXPECT_TRUE(fs::is_regular_file(default_schema())) << default_schema();
  EXPECT_TRUE(fs::is_regular_file(default_profile_folders().back() / "torus4x4.mvm.xml"));
}

TEST(ProfileFiles, TheEnvironmentComesFirst) {
  const ProfileFolder folder;
  folder.write("profile.xsd", "");
  ::setenv("MVM_PROFILE_PATH", (":" + folder.path().string() + ":/nowhere").c_str(), 1);
  const auto folders = default_profile_folders();
  const auto schema = default_schema();
  ::unsetenv("MVM_PROFILE_PATH");
  EXPECT_EQ(folders.at(0), folder.path());
  EXPECT_EQ(folders.at(1), "/nowhere");
  EXPECT_EQ(schema, folder.path() / "profile.xsd");
}

/// Each shipped document, in the smallest profile that uses it.
struct Shipped {
  const char* name;
  const char* body;
  std::size_t edges;
  std::size_t machines;
};

class ShippedDocument : public testing::TestWithParam<Shipped> {};

TEST_P(ShippedDocument, CanBeUsed) {
  const ProfileFolder folder;
  ReadOptions options;
  options.profile_folders = default_profile_folders();
  const auto profile = folder.read(GetParam().body, options);
  ASSERT_READ(profile);
  const auto topology = expand_topology(*profile);
  ASSERT_READ(topology);
  EXPECT_EQ(topology->edges.size(), GetParam().edges);
  const auto plan = make_plan(*profile, *topology, {0, 1}, "test-00000000");
  ASSERT_READ(plan);
  EXPECT_EQ(plan->machines.size(), GetParam().machines);
}

constexpr Shipped kShipped[] = {
    {"torus4x4", R"(<job name="node" count="16"><source>job.cpp</source></job>
       <topology ref="torus4x4"><set name="job" value="node"/></topology>)",
     64, 1},
    {"grid", R"(<job name="cell" count="6"><source>job.cpp</source></job>
       <topology ref="grid"><set name="width" value="3"/><set name="height" value="2"/></topology>)",
     14, 1},
    {"farm", R"(<job name="source"><source>job.cpp</source></job>
       <job name="worker" count="5"><source>job.cpp</source></job>
       <job name="sink"><source>job.cpp</source></job><topology ref="farm"/>)",
     10, 1},
    {"one", R"(<job name="cell" count="4"><source>job.cpp</source></job>
       <topology><graph kind="ring" over="cell"/></topology><cluster ref="one"/>)",
     8, 1},
    {"two", R"(<job name="cell" count="4"><source>job.cpp</source></job>
       <topology><graph kind="ring" over="cell"/></topology>
       <cluster ref="two"><set name="machines" value="3"/></cluster>)",
     8, 3},
};

INSTANTIATE_TEST_SUITE_P(Profiles, ShippedDocument, testing::ValuesIn(kShipped),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(ShippedDocuments, AllAreTested) {
  for (const auto& entry : fs::directory_iterator(default_profile_folders().back())) {
    const auto name = entry.path().filename().string();
    if (!name.ends_with(".mvm.xml")) continue;
    const auto is_it = [&](const Shipped& shipped) {
      return name == text(shipped.name, ".mvm.xml");
    };
    EXPECT_TRUE(std::ranges::any_of(kShipped, is_it)) << name << " needs a row in kShipped";
  }
}

RC_GTEST_PROP(ProfileProperty, ASquareOfAnySideHasItsTasks, ()) {
  static const ProfileFolder folder;
  const auto side = *rc::gen::inRange(1, 12);
  ReadOptions options;
  options.parameters = {{"side", std::to_string(side)}};
  const auto profile = folder.read(R"(
    <param name="side" type="int" default="4" min="1" max="64"/>
    <job name="cell" count="${side * side}"><source>job.cpp</source></job>
    <topology><graph kind="torus" over="cell" dims="${side} ${side}"/></topology>)",
                                   options);
  RC_ASSERT(profile.has_value());
  RC_ASSERT(profile->task_count() == static_cast<std::size_t>(side * side));
  RC_ASSERT(profile->graphs[0].dims == std::vector(2, static_cast<std::uint32_t>(side)));
}

RC_GTEST_PROP(ProfileProperty, ChangingOneByteNeverDoesMoreThanComplain, ()) {
  static const ProfileFolder folder;
  std::string xml = R"(<profile xmlns="urn:mvm:profile:1" name="test">
    <param name="side" type="int" default="4"/>
    <job name="cell" count="${side}"><source>job.cpp</source></job>
    <topology><graph kind="ring" over="cell"/></topology></profile>)";
  const auto at = *rc::gen::inRange<std::size_t>(0, xml.size());
  xml[at] = static_cast<char>(*rc::gen::inRange(0, 256));
  ReadOptions options;
  options.schema = default_schema();
  const auto profile = read_profile_text(xml, "test.mvm.xml", folder.path(), options);
  if (!profile) RC_ASSERT(!profile.error().empty());
}

}  // namespace
}  // namespace mvm::model
