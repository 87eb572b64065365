// SPDX-License-Identifier: GPL-3.0-or-later
#include "topology_reader.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include <mvm/base/units.hpp>
#include <mvm/model/shape.hpp>

#include "selector.hpp"
#include "source_files.hpp"
#include "wording.hpp"

namespace mvm::model {
namespace {

constexpr std::uint32_t kMaxWeight = 1'000'000;

/// Which attributes belong to some kinds of graph only.
struct SpecialAttribute {
  const char* name;
  std::vector<GraphKind> kinds;
};

const std::vector<SpecialAttribute>& special_attributes() {
  static const std::vector<SpecialAttribute> attributes{
      {"dims", {GraphKind::kMesh, GraphKind::kTorus}},
      {"arity", {GraphKind::kTree}},
      {"stages", {GraphKind::kButterfly}},
      {"degree", {GraphKind::kRandomRegular}},
      {"seed", {GraphKind::kRandomRegular}},
      {"href", {GraphKind::kFile}},
  };
  return attributes;
}

class TopologyReader {
 public:
  TopologyReader(Reading& reading, const JobNames& jobs, ProfileDraft& draft)
      : reading_(reading), jobs_(jobs), draft_(draft) {}

  void read_graph(const XmlElement& element) {
    GraphStatement graph;
    graph.place = reading_.place(element);
    std::vector<std::pair<std::string, GraphKind>> kinds;
    for (const auto& word : graph_kind_words()) kinds.emplace_back(word, *parse_graph_kind(word));
    const auto kind = reading_.choice<GraphKind>(element, "kind", kinds);
    if (kind) {
      graph.kind = *kind;
      refuse_foreign_attributes(element, *kind);
    }
    read_over(element, graph);
    read_dims(element, graph);
    graph.arity = reading_.whole(element, "arity", 1, kMaxTasks);
    graph.stages = reading_.whole(element, "stages", 1, 31);
    graph.degree = reading_.whole(element, "degree", 1, kMaxTasks);
    graph.seed = reading_.whole(element, "seed", 0, UINT32_MAX).value_or(1);
    graph.weight = reading_.whole(element, "weight", 1, kMaxWeight).value_or(1);
    read_prefix(element, graph);
    if (kind == GraphKind::kFile) read_href(element, graph);
    if (is_clear(element, graph)) {
      draft_.profile.graphs.push_back(std::move(graph));
    } else {
      add_gap(element, std::move(graph));
    }
  }

  void read_link(const XmlElement& element) {
    LinkStatement link;
    link.place = reading_.place(element);
    const auto from = read_end(element, "from");
    const auto to = read_end(element, "to");
    link.spread = read_spread(element);
    link.weight = reading_.whole(element, "weight", 1, kMaxWeight).value_or(1);
    if (to) link.to = *to;
    if (from && to && reading_.is_clear(element, {"weight"})) {
      link.from = *from;
      draft_.profile.links.push_back(std::move(link));
    } else if (to) {
      draft_.gaps.add(link);
    } else {
      draft_.gaps.add_any_port();
    }
  }

  void read_open(const XmlElement& element) {
    OpenStatement open;
    open.place = reading_.place(element);
    const bool has_to = element.attribute("to") != nullptr;
    const bool has_from = element.attribute("from") != nullptr;
    if (has_to == has_from) {
      reading_.complain(element, "", "<open> needs ", has_to ? "either" : "",
                        has_to ? " to= or from=, not both"
                               : "to=, for messages that enter, or "
                                 "from=, for those that leave");
    }
    open.enters = !has_from;
    const auto end = read_end(element, open.enters ? "to" : "from");
    if (end) open.end = *end;
    open.spread = read_spread(element);
    if (!open.enters && element.attribute("spread") != nullptr) {
      reading_.complain(element, "spread",
                        "spread of <open> belongs to to=; messages that leave are received by "
                        "whoever asks: remove it");
    }
    open.linger = read_linger(element, open.enters);
    const auto port = read_port_name(element);
    if (port) open.port = *port;
    if (end && port && reading_.is_clear(element) && has_room(element)) {
      draft_.profile.openings.push_back(std::move(open));
    } else {
      add_gap(open, end.has_value(), port.has_value());
    }
  }

  void read_roots(const XmlElement& element) {
    const auto words = reading_.words(element, "root");
    if (!words) return;
    auto& roots = draft_.profile.roots;
    for (const auto& word : split_words(*words)) {
      // A root is written as the beginning of a selector.
      const auto task = parse_selector(word + ".port", false);
      if (!task || !task->index) {
        reading_.complain_value(element, "root", *words,
                                text("holds '", excerpt(word), "', not a task such as job[3]"));
        return;
      }
      if (!jobs_.check(element, "root", task->job, reading_) ||
          !jobs_.check_index(element, "root", task->job, *task->index, reading_)) {
        return;
      }
      if (std::ranges::find(roots, task->job, &RootStatement::job) != roots.end()) {
        reading_.complain(element, "root", "root of <", element.name, "> names two tasks of job '",
                          task->job, "'; one is the root of its team");
        return;
      }
      roots.push_back({task->job, *task->index, reading_.place(element)});
    }
  }

 private:
  std::optional<queue::Spread> read_spread(const XmlElement& element) {
    std::vector<std::pair<std::string, queue::Spread>> spreads;
    for (const auto spread :
         {queue::Spread::kOneToOne, queue::Spread::kEach, queue::Spread::kRoundRobin,
          queue::Spread::kShared, queue::Spread::kHash}) {
      spreads.emplace_back(queue::to_string(spread), spread);
    }
    return reading_.choice<queue::Spread>(element, "spread", spreads);
  }

  std::optional<Duration> read_linger(const XmlElement& element, bool enters) {
    const auto linger = reading_.duration(element, "linger");
    if (enters && element.attribute("linger") != nullptr) {
      reading_.complain(element, "linger",
                        "linger of <open> belongs to from=; what enters is received by tasks, and "
                        "the group lasts as long as they do: remove it");
    } else if (linger && *linger > kMaxLinger) {
      reading_.complain(element, "linger", "linger of <open> is ", mvm::to_string(*linger),
                        "; at most ", mvm::to_string(kMaxLinger), " are possible");
    }
    return linger;
  }

  std::optional<std::string> read_port_name(const XmlElement& element) {
    auto port = reading_.words(element, "port");
    if (!port || is_port_name(*port)) return port;
    reading_.complain_value(element, "port", *port,
                            "is not a port name: a letter or '_', then letters, digits, '_', '+', "
                            "'-', at most 64");
    return {};
  }

  bool has_room(const XmlElement& element) {
    if (draft_.profile.openings.size() < kMaxOpenings) return true;
    reading_.complain(element, "", "the profile opens more than ", kMaxOpenings,
                      " ports; let one serve several tasks");
    return false;
  }

  void add_gap(const OpenStatement& open, bool knows_end, bool knows_port) {
    if (open.enters ? knows_end : knows_port) {
      draft_.gaps.add(open);
    } else {
      draft_.gaps.add_any_port();
    }
  }

  /// Whether everything is known that decides over the graph's vertices, edges and ports.
  bool is_clear(const XmlElement& element, const GraphStatement& graph) const {
    std::vector<std::string_view> harmless{"weight", "seed"};
    for (const auto& special : special_attributes()) {
      const bool foreign = std::ranges::find(special.kinds, graph.kind) == special.kinds.end();
      if (foreign) harmless.emplace_back(special.name);
    }
    return reading_.is_clear(element, harmless) && knows_jobs(graph);
  }

  bool knows_jobs(const GraphStatement& graph) const {
    return std::ranges::all_of(graph.over, [&](const auto& job) { return jobs_.find(job); });
  }

  /// The graph has ports that are not known where its kind, or what they are named by, is not.
  void add_gap(const XmlElement& element, GraphStatement graph) {
    std::vector<std::string_view> harmless{"over", "arity", "stages", "degree",
                                           "seed", "href",  "weight"};
    if (!knows_jobs(graph)) graph.over.clear();
    if (reading_.is_clear(element, harmless)) {
      draft_.gaps.add(graph);
    } else {
      draft_.gaps.add_any_port(graph.over);
    }
  }

  /// When the kind is a parameter, one graph carries the attributes of several kinds.
  void refuse_foreign_attributes(const XmlElement& element, GraphKind kind) {
    if (has_expression(element.attribute("kind")->value)) return;
    for (const auto& special : special_attributes()) {
      if (element.attribute(special.name) == nullptr ||
          std::ranges::find(special.kinds, kind) != special.kinds.end()) {
        continue;
      }
      std::vector<std::string> kinds;
      for (const auto fit : special.kinds) kinds.emplace_back(to_string(fit));
      reading_.complain(element, special.name, "a ", to_string(kind), " has no ", special.name,
                        "; remove it (", special.name, " belongs to: ", list_of(kinds), ")");
    }
  }

  void read_over(const XmlElement& element, GraphStatement& graph) {
    const auto words = reading_.words(element, "over");
    if (!words) return;
    graph.over = split_words(*words);
    if (graph.over.empty()) {
      reading_.complain(element, "over", "over of <graph> names no job; name one or several");
    }
    std::set<std::string> seen;
    for (const auto& name : graph.over) {
      if (!jobs_.check(element, "over", name, reading_)) continue;
      if (!seen.insert(name).second) {
        reading_.complain(element, "over", "over of <graph> names job '", name,
                          "' twice; name it once");
      }
    }
  }

  void read_dims(const XmlElement& element, GraphStatement& graph) {
    const auto words = reading_.words(element, "dims");
    if (!words) return;
    auto list = *words;
    std::ranges::replace(list, 'x', ' ');  // 4x4
    for (const auto& word : split_words(list)) {
      std::uint32_t side = 0;
      const auto* end = word.data() + word.size();
      const auto [stop, error] = std::from_chars(word.data(), end, side);
      if (error == std::errc() && stop == end && side >= 1 && side <= kMaxTasks) {
        graph.dims.push_back(side);
        continue;
      }
      reading_.complain_value(
          element, "dims", *words,
          text("holds '", excerpt(word), "', not a whole number from 1 to ", kMaxTasks));
      return;
    }
    if (graph.dims.empty() || graph.dims.size() > kMaxDimensions) {
      reading_.complain_value(
          element, "dims", *words,
          text("is not a list of 1 to ", kMaxDimensions, " whole numbers such as '4 4'"));
    }
  }

  void read_prefix(const XmlElement& element, GraphStatement& graph) {
    const auto prefix = reading_.words(element, "prefix");
    if (!prefix || prefix->empty()) return;
    if (!is_port_name(*prefix)) {
      reading_.complain_value(
          element, "prefix", *prefix,
          "is not the beginning of a port name: letters, digits, '_', '+', '-'");
      return;
    }
    graph.prefix = *prefix;
  }

  void read_href(const XmlElement& element, GraphStatement& graph) {
    if (element.attribute("href") == nullptr) {
      reading_.complain(element, "href", "a graph of kind file needs href=, a GraphML or DOT file");
      return;
    }
    const auto words = reading_.words(element, "href");
    if (!words) return;
    const auto files = source_files(*words, reading_.document().folder);
    if (!files || files->size() != 1) {
      reading_.complain(element, "href", "graph file ",
                        files ? text("'", excerpt(*words), "' is a pattern; name one file")
                              : files.error().message);
      return;
    }
    graph.href = files->front();
  }

  std::optional<EndSelector> read_end(const XmlElement& element, std::string_view attribute) {
    const auto words = reading_.words(element, attribute);
    if (!words) return {};
    const auto selector = parse_selector(*words, false);
    if (!selector) {
      reading_.complain_value(element, attribute, *words,
                              "is not an end such as job.port, job[2].port or job[*].port");
      return {};
    }
    if (!jobs_.check(element, attribute, selector->job, reading_)) return {};
    if (selector->index &&
        !jobs_.check_index(element, attribute, selector->job, *selector->index, reading_)) {
      return {};
    }
    return EndSelector{selector->job, selector->index, selector->port};
  }

  Reading& reading_;
  const JobNames& jobs_;
  ProfileDraft& draft_;
};

}  // namespace

void read_topology(const XmlElement& element, Reading& reading, DocumentLibrary& library,
                   const JobNames& jobs, ProfileDraft& draft) {
  TopologyReader reader(reading, jobs, draft);
  // What stands nearer to the profile wins.
  if (draft.profile.roots.empty()) reader.read_roots(element);
  const auto followed =
      library.follow(element, reading, [&](const XmlElement& inner, Reading& inner_reading) {
        read_topology(inner, inner_reading, library, jobs, draft);
      });
  if (followed == Followed::kFailed) draft.gaps.add_any_port();
  if (followed != Followed::kNoReference) return;
  for (const auto& child : element.children) {
    if (reading.has_enough()) return draft.gaps.add_any_port();
    if (child.name == "graph") {
      reader.read_graph(child);
    } else if (child.name == "link") {
      reader.read_link(child);
    } else if (child.name == "open") {
      reader.read_open(child);
    } else if (child.name != "param") {
      draft.gaps.add_any_port();  // a misspelt statement, perhaps
    }
  }
}

}  // namespace mvm::model
