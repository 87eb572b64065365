// SPDX-License-Identifier: Apache-2.0
#include "image.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace mvm::fiber {
namespace {

constexpr std::uint64_t kPage = 4096;
/// What a shared object of a job has at most: a few.
constexpr std::size_t kMaxProgramHeaders = 64;

/// Where kernels ask for it, it says that the file is to be executed.
#ifndef MFD_EXEC
constexpr unsigned MFD_EXEC = 0x10;
#endif

UniqueFd make_file(const std::string& task) {
  UniqueFd file(::memfd_create(task.c_str(), MFD_CLOEXEC | MFD_EXEC));
  if (!file) file.reset(::memfd_create(task.c_str(), MFD_CLOEXEC));
  return file;
}

/// A path of the descriptor that no other copy has: descriptors' numbers come again, so the task's
/// number goes before it in binary, as "/./" and "//", which mean nothing to the kernel. First,
/// because the loader compares it with the names of all that it has loaded.
std::string path_of(int descriptor, std::uint32_t number) {
  std::string path;
  for (; number != 0; number >>= 1) path += number % 2 != 0 ? "/./" : "//";
  return path + "/proc/self/fd/" + std::to_string(descriptor);
}

std::string loader_words() {
  const char* words = ::dlerror();
  return words != nullptr ? words : "unknown";
}

}  // namespace

Result<Program> Program::open(const std::string& path) {
  Program program;
  program.path_ = path;
  program.file_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!program.file_) return fail_system("open the program " + path);
  if (auto read = program.read_parts(); !read) return fail(read.error());
  return program;
}

Result<void> Program::read_parts() {
  ElfW(Ehdr) header{};
  std::array<ElfW(Phdr), kMaxProgramHeaders> parts{};
  const auto got = ::pread(file_.get(), &header, sizeof header, 0);
  const bool is_elf = got == sizeof header && std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
                      header.e_phentsize == sizeof parts[0] && header.e_phnum <= parts.size();
  const auto bytes = static_cast<ssize_t>(header.e_phnum * sizeof parts[0]);
  if (!is_elf || ::pread(file_.get(), parts.data(), static_cast<std::size_t>(bytes),
                         static_cast<off_t>(header.e_phoff)) != bytes) {
    return fail(ErrorCode::kLaunch, path_, " is no shared object");
  }
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    const auto& part = parts[i];
    if (part.p_type != PT_LOAD) continue;
    size_ = std::max<std::uint64_t>(size_, part.p_offset + part.p_filesz);
    if ((part.p_flags & PF_W) != 0) {
      unwritten_ = std::min<std::uint64_t>(unwritten_, part.p_offset / kPage * kPage);
      continue;
    }
    // In whole pages, as the loader maps it, with whatever else of the file lies in them.
    const auto before = part.p_offset % kPage;
    const auto length = (before + part.p_filesz + kPage - 1) / kPage * kPage;
    parts_.push_back({part.p_offset - before, part.p_vaddr - before, length,
                      PROT_READ | ((part.p_flags & PF_X) != 0 ? PROT_EXEC : 0)});
  }
  return {};
}

Result<void*> Program::load_copy(const std::string& task, std::uint32_t number) const {
  const auto refuse = [&](const std::string& reason) {
    return fail(ErrorCode::kLaunch, "load a copy of ", path_, ": ", reason);
  };
  const auto copy = make_file(task);
  if (!copy) return refuse(std::strerror(errno));
  off_t from = 0;
  while (static_cast<std::uint64_t>(from) < size_) {
    const auto left = size_ - static_cast<std::uint64_t>(from);
    if (::sendfile(copy.get(), file_.get(), &from, left) <= 0) return refuse(std::strerror(errno));
  }
  void* handle = ::dlopen(path_of(copy.get(), number).c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (handle == nullptr) {
    return refuse(loader_words() + "; if memory is not short, raise vm.max_map_count");
  }
  share_parts(handle, copy.get());
  return handle;
}

/// Only memory is at stake: where it does not work, the copy keeps its own pages.
void Program::share_parts(void* handle, int copy) const {
  const auto* map = static_cast<const link_map*>(handle);
  for (const auto& part : parts_) {
    auto* at = reinterpret_cast<void*>(map->l_addr + part.address);
    if (::mmap(at, part.length, part.protection, MAP_PRIVATE | MAP_FIXED, file_.get(),
               static_cast<off_t>(part.offset)) == MAP_FAILED) {
      return;
    }
  }
  // Nothing is mapped any more of what lies before the first page that can be written.
  const auto length = static_cast<off_t>(std::min(unwritten_, size_));
  if (length > 0) ::fallocate(copy, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, length);
}

Main main_of(void* handle) {
  return reinterpret_cast<Main>(::dlsym(handle, "main"));
}

void finalize(void* handle) {
  const auto* map = static_cast<const link_map*>(handle);
  const ElfW(Addr)* functions = nullptr;
  std::size_t count = 0;
  ElfW(Addr) last = 0;
  for (const auto* entry = map->l_ld; entry->d_tag != DT_NULL; ++entry) {
    if (entry->d_tag == DT_FINI_ARRAY) {
      functions = reinterpret_cast<const ElfW(Addr)*>(map->l_addr + entry->d_un.d_ptr);
    } else if (entry->d_tag == DT_FINI_ARRAYSZ) {
      count = entry->d_un.d_val / sizeof *functions;
    } else if (entry->d_tag == DT_FINI) {
      last = map->l_addr + entry->d_un.d_ptr;
    }
  }
  using Function = void (*)();
  while (functions != nullptr && count > 0) reinterpret_cast<Function>(functions[--count])();
  if (last != 0) reinterpret_cast<Function>(last)();
}

}  // namespace mvm::fiber
