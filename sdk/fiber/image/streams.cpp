// SPDX-License-Identifier: Apache-2.0

// Part of each job's shared object: C++'s standard streams, so that every task has its own, with
// its own formats and errors. They begin before anything else of the job, when the C library's
// streams are the task's already.

#include <ext/stdio_sync_filebuf.h>

#include <cstdio>
#include <ios>
#include <istream>
#include <new>
#include <ostream>

namespace std {

// Memory only, as in libstdc++: nothing destroys them before the last destructor has used them.
#define MVM_STREAM(type, name) \
  alignas(type) __attribute__((visibility("hidden"))) char name[sizeof(type)]
MVM_STREAM(istream, cin);
MVM_STREAM(ostream, cout);
MVM_STREAM(ostream, cerr);
MVM_STREAM(ostream, clog);
MVM_STREAM(wistream, wcin);
MVM_STREAM(wostream, wcout);
MVM_STREAM(wostream, wcerr);
MVM_STREAM(wostream, wclog);

}  // namespace std

namespace {

template <typename Character>
void begin(char* in, char* out, char* errors, char* log) {
  using Buffer = __gnu_cxx::stdio_sync_filebuf<Character>;
  using In = std::basic_istream<Character>;
  using Out = std::basic_ostream<Character>;
  alignas(Buffer) static char buffers[3][sizeof(Buffer)];
  auto* to_errors = new (buffers[2]) Buffer(stderr);
  auto* standard_out = new (out) Out(new (buffers[1]) Buffer(stdout));
  auto* standard_in = new (in) In(new (buffers[0]) Buffer(stdin));
  auto* standard_errors = new (errors) Out(to_errors);
  new (log) Out(to_errors);
  standard_in->tie(standard_out);
  standard_errors->tie(standard_out);
  standard_errors->setf(std::ios_base::unitbuf);
}

__attribute__((constructor(101))) void begin_streams() {
  begin<char>(std::cin, std::cout, std::cerr, std::clog);
  begin<wchar_t>(std::wcin, std::wcout, std::wcerr, std::wclog);
}

}  // namespace
