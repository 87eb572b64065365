// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <string>

#include <mvm/base/diagnostic.hpp>

#include "task.hpp"

namespace mvm {
namespace {

Task& task_of(void* state) {
  return *static_cast<Task*>(state);
}

}  // namespace

namespace detail {

void throw_closed(const Port& port) {
  const auto& state = PortAccess::state(port);
  throw closed(state.task->name() + ", port " + state.name + ": the other end is gone");
}

}  // namespace detail

std::string_view Port::name() const {
  return PortAccess::state(*this).name;
}
bool Port::can_send() const {
  return PortAccess::state(*this).writer->can_send();
}
bool Port::can_receive() const {
  return !PortAccess::state(*this).inlets.empty();
}

Job::Job(int argc, char** argv) {
  install_terminate_handler();
  state_ = new Task(argc, argv);
}

Job::~Job() {
  delete static_cast<Task*>(state_);
}

std::string_view Job::name() const {
  return task_of(state_).name();
}
std::size_t Job::index() const {
  return task_of(state_).index;
}
std::size_t Job::count() const {
  return task_of(state_).count;
}
const std::vector<std::size_t>& Job::coordinates() const {
  return task_of(state_).coordinates;
}
const std::vector<std::string>& Job::arguments() const {
  return task_of(state_).arguments;
}
std::string_view Job::directory() const {
  if (auto* host = queue::FiberHost::of_this_thread()) host->need_directory();
  return task_of(state_).directory;
}
const std::vector<Port*>& Job::ports() {
  return task_of(state_).ports;
}

Port* Job::find_port(std::string_view name) {
  const auto& all = ports();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [name](const Port* port) { return port->name() == name; });
  return found == all.end() ? nullptr : *found;
}

Port& Job::port(std::string_view name) {
  if (Port* port = find_port(name)) return *port;
  std::vector<std::string> names;
  std::string list;
  for (const Port* port : ports()) {
    names.emplace_back(port->name());
    list += (list.empty() ? "" : ", ") + names.back();
  }
  throw error(
      std::string(this->name()) + " has no port '" + std::string(name) + "'" +
      did_you_mean(name, names) +
      (list.empty() ? "; the profile's topology gives it none" : " (its ports are " + list + ")"));
}

void Job::throw_all_closed() const {
  throw closed(std::string(name()) + ": every sender is gone, nothing more will come");
}

}  // namespace mvm
