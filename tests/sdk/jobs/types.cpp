// SPDX-License-Identifier: Apache-2.0
// Everything that can be sent goes from left to right and back, over a queue whose codec is the
// argument; and what the two disagree on is told.
#include <array>
#include <complex>
#include <deque>
#include <list>
#include <map>
#include <mvm/job.hpp>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "check.hpp"

enum class Colour : short { kRed = 1, kBlue = -7 };
struct Point {
  double x, y;
};
struct Row {
  int id = 0;
  std::string name;
  std::vector<double> values;
  std::map<std::string, std::vector<Row>> below;
  MVM_FIELDS(id, name, values, below);
  bool operator==(const Row& other) const {
    return id == other.id && name == other.name && values == other.values && below == other.below;
  }
};
/// The same, as another job might have it.
struct WideRow {
  long id = 0;
  std::string name;
  std::vector<float> values;
  std::map<std::string, std::vector<WideRow>> below;
  MVM_FIELDS(id, name, values, below);
};
/// Has a form in memory too.
struct Cell {
  int x = 0;
  double heat = 0;
  MVM_FIELDS(x, heat);
  bool operator==(const Cell& other) const { return x == other.x && heat == other.heat; }
};
struct Version {
  int major = 0;
  bool operator==(const Version& other) const { return major == other.major; }
};
template <>
struct mvm::Codec<Version> {
  static constexpr const char* name = "Version";
  static std::string encode(const Version& version) { return std::to_string(version.major); }
  static Version decode(std::string_view bytes) { return {std::stoi(std::string(bytes))}; }
};

/// What is sent and comes back, each once.
template <typename Call>
void for_each_value(Call&& call) {
  call(42);
  call(std::byte{3});
  call(Colour::kBlue);
  call(true);
  call('c');
  call(std::array<int, 3>{4, 5, 6});
  call(std::complex<double>(1, 2));
  call(std::vector<std::complex<float>>{{1, 2}, {3, 4}});
  call(std::vector<std::array<short, 2>>{{1, 2}, {3, 4}});
  call(std::vector<bool>{true, false, true});
  call(std::deque<int>{1, 2, 3});
  call(std::list<double>{1, 2, 3});
  call(std::vector<int>(300'000, 11));
  call(std::string("string"));
  call(std::pair(1, 2.5));
  call(std::tuple(1, 'c', std::string("words"), Colour::kRed));
  call(std::optional<int>());
  call(std::optional<int>(5));
  call(std::vector<std::string>{"", "a", std::string(100'000, 'x')});
  call(std::vector<std::vector<double>>{{}, {1, 2}});
  call(std::vector<std::pair<std::string, int>>{{"a", 1}});
  call(std::map<std::string, double>{{"a", 1}, {"b", 2}});
  call(std::unordered_map<int, std::set<std::string>>{{1, {"a", "b"}}, {2, {}}});
  call(Row{1, "a", {1, 2}, {{"b", {{2, "c", {}, {}}, {3, "d", {4}, {}}}}}});
  call(std::vector<Cell>{{1, 2}, {3, 4}});
  call(Version{7});
  call(std::vector<std::optional<Version>>{Version{7}, {}});
}

void left(mvm::Job& job, bool portable) {
  mvm::Port& out = job.port("out");
  mvm::Port& in = job.port("in");
  for_each_value([&](const auto& value) {
    out.send(value);
    CHECK(in.receive<std::decay_t<decltype(value)>>() == value);
  });

  // Each is asked for as something else.
  out.send(std::vector<int>{1, -2});
  out.send(std::vector<int>{1, -2});
  out.send(std::vector<int>{1, -2});
  out.send(std::vector<int>{1, -2});
  out.send(3'000'000'000);
  out.send(2.5);
  out.send(Row{1, "a", {1, 2}, {{"b", {{2, "c", {}, {}}}}}});
  out.send(std::map<std::string, double>{{"a", 1}});
  out.send(Version{7});
  out.send(1);

  // Structures that nothing is known about cannot be portable.
  const auto refused =
      "left[0], port out: structures of 16 bytes have no portable form, because "
      "nothing says what is in them; list the members in the structure, as in MVM_FIELDS(id, name, "
      "values), or take codec=\"portable\" from the queue";
  if (portable) {
    CHECK_THROWS(out.send(Point{1, 2}), mvm::error, refused);
    auto cells = out.loan<Cell>(1);
    cells[0] = {1, 2};
    CHECK_THROWS(out.send(std::move(cells)), mvm::error, refused);
  } else {
    out.send(Point{1, 2});
    for (int i = 0; i < 2; ++i) {
      auto cells = out.loan<Cell>(2);
      cells[0] = {1, 2};
      cells[1] = {3, 4};
      out.send(std::move(cells));
    }
  }
  job.port("mixed").send(1.5);
}

void converts(mvm::Port& in, bool portable) {
  const std::string sender = ", but left[0].out sent ";
  const std::string same = "; send and receive the same type";
  const std::string convert = same + ", or let the queue convert it: codec=\"portable\"";
  const std::string longs =
      "right[0], port in: asked for int64 in 8 bytes" + sender + "8 bytes of int32" + convert;
  if (portable) {
    CHECK((in.receive<std::vector<long>>() == std::vector<long>{1, -2}));
    CHECK((in.receive<std::deque<short>>() == std::deque<short>{1, -2}));
    long room[3] = {};
    struct Range {
      long* first;
      long* data() const { return first; }
      std::size_t size() const { return 3; }
    };
    CHECK_EQUAL(in.receive_into(Range{room}), 2u);
    CHECK(room[0] == 1 && room[1] == -2);
    const auto message = in.receive<mvm::Message>();
    CHECK_THROWS(message.view<long>(), mvm::error,
                 "right[0], port in: asked for a view of int64 in 8 bytes" + sender +
                     "8 bytes of int32; a view cannot convert, ask for a copy: "
                     "as<std::vector<T>>()");
    CHECK_EQUAL(message.view<int>()[1], -2);
    CHECK_THROWS(message.as<std::vector<unsigned>>(), mvm::error,
                 "right[0], port in: the message from left[0].out cannot be had as uint32: the "
                 "value -2 (element 1) does not fit uint32");
    CHECK_THROWS(in.receive<int>(), mvm::error,
                 "right[0], port in: the message from left[0].out cannot be had as int32: the "
                 "value 3000000000 (element 0) does not fit int32");
    CHECK_EQUAL(in.receive<float>(), 2.5f);
    const auto row = in.receive<WideRow>();
    CHECK_EQUAL(row.id, 1);
    CHECK(row.below.at("b").at(0).name == "c" && row.values[1] == 2);
  } else {
    CHECK_THROWS(in.receive<std::vector<long>>(), mvm::error, longs);
    CHECK_THROWS(in.receive<long>(), mvm::error, longs);
    std::vector<long> room(5);
    CHECK_THROWS(
        in.receive_into(room), mvm::error,
        "right[0], port in: asked for int64 in 40 bytes" + sender + "8 bytes of int32" + convert);
    CHECK_THROWS(in.receive<mvm::Message>().view<long>(), mvm::error, longs);
    CHECK_THROWS(
        in.receive<int>(), mvm::error,
        "right[0], port in: asked for int32 in 4 bytes" + sender + "8 bytes of int64" + convert);
    CHECK_THROWS(
        in.receive<float>(), mvm::error,
        "right[0], port in: asked for float in 4 bytes" + sender + "8 bytes of double" + convert);
    CHECK_THROWS(in.receive<WideRow>(), mvm::error,
                 "right[0], port in: asked for {id: int64, name: string, values: list of float, "
                 "below: map of string to list of the structure itself}" +
                     sender +
                     "107 bytes of {id: int32, name: string, values: list of double, below: map of "
                     "string to list of the structure itself}" +
                     convert);
  }
  CHECK_THROWS((in.receive<std::map<std::string, bool>>()), mvm::error,
               "right[0], port in: asked for map of string to bool" + sender +
                   "26 bytes of map of string to double" + same);
  CHECK_THROWS(in.receive<double>(), mvm::error,
               "right[0], port in: asked for double in 8 bytes" + sender +
                   "1 bytes of a type with a codec of its own" + same);
  CHECK_THROWS(in.receive<Version>(), mvm::error,
               "right[0], port in: asked for Version" + sender + "4 bytes of int32" + same);
}

void right(mvm::Job& job, bool portable) {
  mvm::Port& in = job.port("in");
  mvm::Port& back = job.port("back");
  for_each_value([&](const auto& value) {
    const auto got = in.receive<std::decay_t<decltype(value)>>();
    CHECK(got == value);
    back.send(got);
  });
  converts(in, portable);
  if (!portable) {
    CHECK_EQUAL(in.receive<Point>().y, 2);
    CHECK((in.receive<std::vector<Cell>>() == std::vector<Cell>{{1, 2}, {3, 4}}));
    CHECK_EQUAL(in.receive<mvm::Message>().view<Cell>()[1].heat, 4);
  }
  // Two senders: the message knows whose it is.
  mvm::Port& mixed = job.port("mixed");
  std::set<std::string> told;
  for (int i = 0; i < 2; ++i) {
    try {
      mixed.receive<std::string>();
    } catch (const mvm::error& problem) {
      told.insert(problem.what());
    }
  }
  const std::string asked = "right[0], port mixed: asked for char in 1 bytes, but ";
  const std::string same = "; send and receive the same type";
  CHECK((told ==
         std::set<std::string>{asked + "left[0].mixed sent 8 bytes of double" + same,
                               asked + "other[0].out sent 14 bytes of (int32, bool)" + same}));
}

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const bool portable = job.arguments().at(0).find("portable") != std::string::npos;
  if (job.name() == "left[0]") {
    left(job, portable);
  } else if (job.name() == "right[0]") {
    right(job, portable);
  } else {
    job.port("out").send(std::pair(1, true));
  }
}
