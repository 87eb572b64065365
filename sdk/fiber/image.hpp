// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/base/unique_fd.hpp>

namespace mvm::fiber {

/// A job's program as a shared object, of which each task loads a copy of its own, so that its
/// global variables are its own. The loader knows objects by name and inode: a copy is a memory
/// file, loaded under a name that no other has. What cannot be written stays in memory once: as
/// soon as a copy is loaded, those pages are mapped from the program's own file instead.
class Program {
 public:
  /// Errors: kSystem when it cannot be read.
  [[nodiscard]] static Result<Program> open(const std::string& path);

  /// A copy for the running fiber, on whose stack its constructors run. The handle is one of
  /// dlopen. Errors: kLaunch with the loader's words.
  [[nodiscard]] Result<void*> load_copy(const std::string& task, std::uint32_t number) const;

 private:
  /// A part of the file that the loader maps without the right to write.
  struct Part {
    std::uint64_t offset;
    std::uint64_t address;
    std::uint64_t length;
    int protection;
  };
  [[nodiscard]] Result<void> read_parts();
  void share_parts(void* handle, int copy) const;

  UniqueFd file_;
  std::string path_;
  std::uint64_t size_ = 0;  ///< of what is loaded: debugging information lies behind it
  std::uint64_t unwritten_ = UINT64_MAX;  ///< where the first page lies that can be written
  std::vector<Part> parts_;
};

using Main = int (*)(int, char**, char**);
/// The main function of a copy; null when it has none.
[[nodiscard]] Main main_of(void* handle);
/// Runs what a process runs at its end: destructors of static objects, functions given to atexit.
/// The copy stays where it is, because a thread of it may still be running.
void finalize(void* handle);

}  // namespace mvm::fiber
