// SPDX-License-Identifier: Apache-2.0
// Every way to send and to receive. Two tasks, a queue of two messages each way.
#include <array>
#include <chrono>
#include <cstring>
#include <mvm/job.hpp>
#include <string>
#include <vector>

#include "check.hpp"

using namespace std::chrono_literals;

enum class Colour : int { kRed = 1, kBlue = 7 };
struct Point {
  double x, y;
  int id;
};
/// Travels by its codec.
struct Name {
  std::string words;
};
template <>
struct mvm::Codec<Name> {
  static std::string encode(const Name& name) { return "name:" + name.words; }
  static Name decode(std::string_view bytes) {
    if (bytes.substr(0, 5) != "name:") throw mvm::error("these bytes are no name");
    return {std::string(bytes.substr(5))};
  }
};

void left(mvm::Job& job) {
  mvm::Port& out = job.port("out");
  mvm::Port& in = job.port("in");
  CHECK(out.can_send() && !out.can_receive());
  CHECK(in.can_receive() && !in.can_send());

  // Values, in the order that the other side takes them.
  out.send(42);
  out.send(2.5);
  out.send(Colour::kBlue);
  out.send(true);
  out.send(Point{1, 2, 3});
  out.send(std::array<int, 3>{4, 5, 6});
  out.send(std::vector<double>{1, 2, 3, 4});
  out.send(std::vector<double>{});
  out.send("words");
  out.send(std::string("string"));
  out.send(Name{"codec"});
  const int raw[2] = {8, 9};
  out.send_bytes(raw, sizeof raw);
  out.send(std::vector<int>(300'000, 11));
  out.send(std::vector<int>{1, 2, 3});
  out.send(std::vector<int>(100'000, 12));
  auto lent = out.loan<double>(1000);
  CHECK_EQUAL(lent.size(), 1000u);
  CHECK(reinterpret_cast<std::uintptr_t>(lent.data()) % 64 == 0);
  for (double& value : lent) value = 0.5;
  out.send(std::move(lent));
  CHECK(lent.data() == nullptr);
  {
    auto unused = out.loan<int>(10);
  }
  out.send(1);
  CHECK_EQUAL(in.receive<int>(), 1);

  // Now the other side waits for our word and takes nothing: two fit, the third does not. Between
  // machines word of what was received may still be under way, so the two are waited for.
  out.send(1);
  out.send(2);
  CHECK(!out.try_send(3));
  const auto before = std::chrono::steady_clock::now();
  CHECK(!out.send_for(3, 50ms));
  CHECK(std::chrono::steady_clock::now() - before >= 50ms);
  CHECK(!job.port("word").try_receive<int>());
  CHECK(job.port("go").try_send(0));
  CHECK(out.send_for(3, 1h));
  CHECK_EQUAL(in.receive<int>(), 2);

  // A view is not received before it is released.
  out.send(4);
  out.send(5);
  job.port("go").send(0);
  CHECK_EQUAL(job.port("word").receive<int>(), 0);
  CHECK(!out.try_send(6));
  job.port("go").send(0);
  out.send(6);

  out.close();
  CHECK_THROWS(out.send(7), mvm::error,
               "left[0], port out: was closed by this task and cannot send any more");
  CHECK_EQUAL(in.receive<int>(), 3);
}

void right(mvm::Job& job) {
  mvm::Port& out = job.port("out");
  mvm::Port& in = job.port("in");
  CHECK_EQUAL(in.receive<int>(), 42);
  CHECK(in.receive<double>() == 2.5);
  CHECK(in.receive<Colour>() == Colour::kBlue);
  CHECK(in.receive<bool>());
  const auto point = in.receive<Point>();
  CHECK(point.x == 1 && point.y == 2 && point.id == 3);
  CHECK((in.receive<std::vector<int>>() == std::vector<int>{4, 5, 6}));
  CHECK((in.receive<std::vector<double>>() == std::vector<double>{1, 2, 3, 4}));
  CHECK(in.receive<std::vector<double>>().empty());
  CHECK_EQUAL(in.receive<std::string>(), std::string("words"));
  CHECK_EQUAL(in.receive<std::string>(), std::string("string"));
  CHECK_EQUAL(in.receive<Name>().words, std::string("codec"));
  CHECK((in.receive<std::vector<int>>() == std::vector<int>{8, 9}));
  CHECK((in.receive<std::vector<int>>() == std::vector<int>(300'000, 11)));
  std::array<int, 5> room{};
  CHECK_EQUAL(in.receive_into(room), 3u);
  CHECK(room[0] == 1 && room[2] == 3 && room[3] == 0);
  std::vector<int> large(100'000);
  CHECK_EQUAL(in.receive_into(large), 100'000u);
  CHECK(large == std::vector<int>(100'000, 12));
  {
    const auto message = in.receive<mvm::Message>();
    CHECK_EQUAL(message.size(), 8000u);
    CHECK(&message.port() == &in);
    const auto view = message.view<double>();
    CHECK_EQUAL(view.size(), 1000u);
    for (const double value : view) CHECK(value == 0.5);
    CHECK(message.as<std::vector<double>>() == std::vector<double>(1000, 0.5));
  }
  CHECK_EQUAL(in.receive<int>(), 1);
  CHECK(!in.try_receive<int>());
  CHECK(!in.receive_for<int>(10ms));
  CHECK(!in.ended());
  out.send(1);

  job.port("go").receive<int>();
  for (int wanted = 1; wanted <= 3; ++wanted) CHECK_EQUAL(*in.receive_for<int>(1h), wanted);
  out.send(2);

  job.port("go").receive<int>();
  {
    // Between machines, "go" may be quicker than what was sent before it on another queue.
    auto view = *in.receive_for<mvm::Message>(1h);
    job.port("word").send(0);
    job.port("go").receive<int>();
    CHECK_EQUAL(view.as<int>(), 4);
    auto moved = std::move(view);
    moved.release();
    CHECK(moved.data() == nullptr);
  }
  int sum = 0;
  while (auto value = in.next<int>()) sum += *value;
  CHECK_EQUAL(sum, 11);
  CHECK(in.ended());
  CHECK(!in.next<int>() && !in.try_receive<int>() && !in.receive_for<int>(1h));
  CHECK_THROWS(in.receive<int>(), mvm::closed, "right[0], port in: the other end is gone");
  out.send(3);
}

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  CHECK_EQUAL(job.index(), 0u);
  CHECK_EQUAL(job.count(), 1u);
  CHECK(!job.directory().empty());
  CHECK(job.arguments() == (std::vector<std::string>{"one", "two words"}));
  job.name() == "left[0]" ? left(job) : right(job);
}
