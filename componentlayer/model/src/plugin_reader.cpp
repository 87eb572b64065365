// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin_reader.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "build_reader.hpp"
#include "job_reader.hpp"
#include "wording.hpp"

namespace mvm::model {
namespace {

/// Words of type= and codec= that mean something already.
constexpr std::array<std::string_view, 15> kTaken{
    "fifo",     "priority", "lifo", "latest", "deadline", "shared", "each", "raw",
    "portable", "lz4",      "zstd", "crc32c", "aes-gcm",  "custom", "none"};

bool is_taken(std::string_view name) {
  return std::ranges::find(kTaken, name) != kTaken.end();
}

}  // namespace

PluginNames read_plugins(const XmlElement& queues, Reading& reading,
                         std::vector<PluginModel>& plugins) {
  PluginNames names;
  std::map<std::string, int> lines;
  for (const auto& child : queues.children) {
    const bool is_codec = child.name == "codec";
    if (!is_codec && child.name != "type") {
      if (child.name != "queue") names.are_complete = false;
      continue;
    }
    if (plugins.size() == kMaxPlugins) {
      reading.complain(child, "", "the profile declares more than ", kMaxPlugins,
                       " codecs and queue types; remove some");
      names.are_complete = false;
      return names;
    }
    PluginModel plugin;
    plugin.is_codec = is_codec;
    plugin.folder = reading.document().folder;
    plugin.place = reading.place(child);
    read_sources_and_build(child, reading, plugin.sources, plugin.build);
    if (child.child("source") == nullptr) {
      reading.complain(child, "", "<", child.name, "> has no <source>; name its C++ files");
    }
    const auto name = reading.words(child, "name");
    if (!name || !is_name(*name)) {
      if (name) {
        reading.complain_value(
            child, "name", *name,
            "is not a name: a letter, then letters, digits, '_' or '-', at most 64");
      }
      names.are_complete = false;
      continue;
    }
    if (is_taken(*name)) {
      reading.complain_value(child, "name", *name, "is a word of MVM's own; choose another");
      continue;
    }
    if (const auto [first, added] = lines.emplace(*name, child.line); !added) {
      reading.complain_value(
          child, "name", *name,
          text("is declared twice, first in line ", first->second, "; rename one"));
      continue;
    }
    plugin.name = *name;
    (is_codec ? names.codecs : names.types).insert(*name);
    plugins.push_back(std::move(plugin));
  }
  return names;
}

}  // namespace mvm::model
