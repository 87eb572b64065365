// SPDX-License-Identifier: Apache-2.0

// The calls that take a path see the running task's own working directory. It becomes the process's
// when one of these is called, not at every switch. Who takes part is named here; what the C
// library calls inside itself goes through one of these first.

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

#include "folders.h"

#define MVM_API __attribute__((visibility("default")))

/// The same function of the library behind this program.
#define NEXT(name, pointer)         \
  static __typeof__(&name) pointer; \
  if (pointer == NULL) *(void**)&pointer = dlsym(RTLD_NEXT, #name)

/// A function that calls the next one when the task's directory is the process's.
#define IN_FOLDER(type, name, parameters, arguments, path) \
  MVM_API type name parameters {                           \
    NEXT(name, next);                                      \
    mvm_enter_folder_for(path);                            \
    return next arguments;                                 \
  }

// Opening. The mode is there only where a file may be made, and is taken as the C library takes it.

#define WITH_MODE(flags, last)                                          \
  mode_t mode = 0;                                                      \
  if (((flags) & O_CREAT) != 0 || ((flags) & O_TMPFILE) == O_TMPFILE) { \
    va_list more;                                                       \
    va_start(more, last);                                               \
    mode = va_arg(more, mode_t);                                        \
    va_end(more);                                                       \
  }

#define OPEN(name)                                     \
  MVM_API int name(const char* path, int flags, ...) { \
    NEXT(name, next);                                  \
    WITH_MODE(flags, flags)                            \
    mvm_enter_folder_for(path);                        \
    return next(path, flags, mode);                    \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                               \
  MVM_API int name(int folder, const char* path, int flags, ...) { \
    NEXT(name, next);                                              \
    WITH_MODE(flags, flags)                                        \
    mvm_enter_folder_for(path);                                    \
    return next(folder, path, flags, mode);                        \
  }
OPENAT(openat)
OPENAT(openat64)

IN_FOLDER(int, creat, (const char* path, mode_t mode), (path, mode), path)
IN_FOLDER(int, creat64, (const char* path, mode_t mode), (path, mode), path)
IN_FOLDER(FILE*, fopen, (const char* path, const char* mode), (path, mode), path)
IN_FOLDER(FILE*, fopen64, (const char* path, const char* mode), (path, mode), path)
IN_FOLDER(FILE*, freopen, (const char* path, const char* mode, FILE* file), (path, mode, file),
          path)
IN_FOLDER(FILE*, freopen64, (const char* path, const char* mode, FILE* file), (path, mode, file),
          path)
IN_FOLDER(DIR*, opendir, (const char* path), (path), path)
IN_FOLDER(int, scandir,
          (const char* path, struct dirent*** list, int (*filter)(const struct dirent*),
           int (*compare)(const struct dirent**, const struct dirent**)),
          (path, list, filter, compare), path)
IN_FOLDER(int, mkstemp, (char* path), (path), path)
IN_FOLDER(int, mkstemp64, (char* path), (path), path)
IN_FOLDER(int, mkostemp, (char* path, int flags), (path, flags), path)
IN_FOLDER(int, mkostemp64, (char* path, int flags), (path, flags), path)
IN_FOLDER(char*, mkdtemp, (char* path), (path), path)

// Looking.

IN_FOLDER(int, stat, (const char* path, struct stat* into), (path, into), path)
IN_FOLDER(int, stat64, (const char* path, struct stat64* into), (path, into), path)
IN_FOLDER(int, lstat, (const char* path, struct stat* into), (path, into), path)
IN_FOLDER(int, lstat64, (const char* path, struct stat64* into), (path, into), path)
IN_FOLDER(int, fstatat, (int folder, const char* path, struct stat* into, int flags),
          (folder, path, into, flags), path)
IN_FOLDER(int, fstatat64, (int folder, const char* path, struct stat64* into, int flags),
          (folder, path, into, flags), path)
IN_FOLDER(int, statx,
          (int folder, const char* path, int flags, unsigned int mask, struct statx* into),
          (folder, path, flags, mask, into), path)
IN_FOLDER(int, statfs, (const char* path, struct statfs* into), (path, into), path)
IN_FOLDER(int, statfs64, (const char* path, struct statfs64* into), (path, into), path)
IN_FOLDER(int, statvfs, (const char* path, struct statvfs* into), (path, into), path)
IN_FOLDER(int, statvfs64, (const char* path, struct statvfs64* into), (path, into), path)
IN_FOLDER(int, access, (const char* path, int mode), (path, mode), path)
IN_FOLDER(int, eaccess, (const char* path, int mode), (path, mode), path)
IN_FOLDER(int, euidaccess, (const char* path, int mode), (path, mode), path)
IN_FOLDER(int, faccessat, (int folder, const char* path, int mode, int flags),
          (folder, path, mode, flags), path)
IN_FOLDER(ssize_t, readlink, (const char* path, char* into, size_t size), (path, into, size), path)
IN_FOLDER(ssize_t, readlinkat, (int folder, const char* path, char* into, size_t size),
          (folder, path, into, size), path)
IN_FOLDER(char*, realpath, (const char* path, char* into), (path, into), path)
IN_FOLDER(char*, canonicalize_file_name, (const char* path), (path), path)
IN_FOLDER(long, pathconf, (const char* path, int name), (path, name), path)
IN_FOLDER(int, glob,
          (const char* pattern, int flags, int (*on_error)(const char*, int), glob_t* into),
          (pattern, flags, on_error, into), pattern)
IN_FOLDER(int, ftw,
          (const char* path, int (*visit)(const char*, const struct stat*, int), int depth),
          (path, visit, depth), path)
IN_FOLDER(int, nftw,
          (const char* path, int (*visit)(const char*, const struct stat*, int, struct FTW*),
           int depth, int flags),
          (path, visit, depth, flags), path)

// Changing.

IN_FOLDER(int, mkdir, (const char* path, mode_t mode), (path, mode), path)
IN_FOLDER(int, mkdirat, (int folder, const char* path, mode_t mode), (folder, path, mode), path)
IN_FOLDER(int, mkfifo, (const char* path, mode_t mode), (path, mode), path)
IN_FOLDER(int, mknod, (const char* path, mode_t mode, dev_t device), (path, mode, device), path)
IN_FOLDER(int, rmdir, (const char* path), (path), path)
IN_FOLDER(int, unlink, (const char* path), (path), path)
IN_FOLDER(int, unlinkat, (int folder, const char* path, int flags), (folder, path, flags), path)
IN_FOLDER(int, remove, (const char* path), (path), path)
IN_FOLDER(int, chmod, (const char* path, mode_t mode), (path, mode), path)
IN_FOLDER(int, fchmodat, (int folder, const char* path, mode_t mode, int flags),
          (folder, path, mode, flags), path)
IN_FOLDER(int, chown, (const char* path, uid_t user, gid_t group), (path, user, group), path)
IN_FOLDER(int, lchown, (const char* path, uid_t user, gid_t group), (path, user, group), path)
IN_FOLDER(int, truncate, (const char* path, off_t size), (path, size), path)
IN_FOLDER(int, truncate64, (const char* path, off64_t size), (path, size), path)
IN_FOLDER(int, utime, (const char* path, const struct utimbuf* times), (path, times), path)
IN_FOLDER(int, utimes, (const char* path, const struct timeval times[2]), (path, times), path)
IN_FOLDER(int, utimensat, (int folder, const char* path, const struct timespec times[2], int flags),
          (folder, path, times, flags), path)

// Two paths: either may be a relative one.

IN_FOLDER(int, rename, (const char* from, const char* to), (from, to), NULL)
IN_FOLDER(int, renameat, (int folder, const char* from, int other, const char* to),
          (folder, from, other, to), NULL)
IN_FOLDER(int, renameat2,
          (int folder, const char* from, int other, const char* to, unsigned int flags),
          (folder, from, other, to, flags), NULL)
IN_FOLDER(int, link, (const char* from, const char* to), (from, to), NULL)
IN_FOLDER(int, linkat, (int folder, const char* from, int other, const char* to, int flags),
          (folder, from, other, to, flags), NULL)
IN_FOLDER(int, symlink, (const char* words, const char* path), (words, path), path)
IN_FOLDER(int, symlinkat, (const char* words, int folder, const char* path), (words, folder, path),
          path)

// The working directory itself.

IN_FOLDER(char*, getcwd, (char* into, size_t size), (into, size), NULL)
IN_FOLDER(char*, get_current_dir_name, (void), (), NULL)

MVM_API int chdir(const char* path) {
  NEXT(chdir, next);
  mvm_enter_folder_for(path);
  const int result = next(path);
  if (result == 0) mvm_folder_changed();
  return result;
}

MVM_API int fchdir(int folder) {
  NEXT(fchdir, next);
  const int result = next(folder);
  if (result == 0) mvm_folder_changed();
  return result;
}

// Programs that a task starts begin in its directory.

IN_FOLDER(pid_t, fork, (void), (), NULL)
IN_FOLDER(int, system, (const char* line), (line), NULL)
IN_FOLDER(FILE*, popen, (const char* line, const char* mode), (line, mode), NULL)
IN_FOLDER(int, posix_spawn,
          (pid_t * pid, const char* path, const posix_spawn_file_actions_t* actions,
           const posix_spawnattr_t* attributes, char* const words[], char* const environment[]),
          (pid, path, actions, attributes, words, environment), NULL)
IN_FOLDER(int, posix_spawnp,
          (pid_t * pid, const char* path, const posix_spawn_file_actions_t* actions,
           const posix_spawnattr_t* attributes, char* const words[], char* const environment[]),
          (pid, path, actions, attributes, words, environment), NULL)
