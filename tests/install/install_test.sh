#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the SDK into an empty prefix, moves that, and builds a job against it by find_package and
# by pkg-config. Both programs must start and say that they are to be run by mvm.
#   install_test.sh BUILD_TREE
set -euo pipefail
build=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp --directory)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "install_test: $*" >&2
  exit 1
}
starts_and_complains() {
  local said status=0
  said=$("$1" 2>&1) || status=$?
  ((status == 3)) || fail "$1 ended with $status instead of 3: $said"
  [[ $said == *"mvm run"* ]] || fail "$1 does not tell to use 'mvm run': $said"
}

cmake --install "$build" --component sdk --prefix "$work/first" >/dev/null
mv "$work/first" "$work/prefix"   # an installed tree may be moved
! grep -rqI --include='*.cmake' --include='*.pc' "$build" "$work/prefix" ||
  fail "the installed files name the build tree"
mapfile -t headers < <(cd "$work/prefix/include" && find . -type f -name '*.h*' | sort)
for header in "${headers[@]}"; do
  case $header in
    ./mvm/job.h | ./mvm/job.hpp | ./mvm/collectives.hpp | ./mvm/composite.hpp | ./mvm/plugin.hpp | ./mvm/types.hpp) ;;
    ./mvm/detail/*.hpp) ;;
    *) fail "$header is installed, but no part of the SDK" ;;
  esac
done

cmake -G Ninja -S "$here/job" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" >/dev/null
cmake --build "$work/build" >/dev/null
starts_and_complains "$work/build/hello"

library_folder=$(dirname "$(find "$work/prefix" -name libmvm.so)")
export PKG_CONFIG_PATH=$library_folder/pkgconfig
[[ $(pkg-config --modversion mvm) == 0.1.* ]] || fail "mvm.pc has the wrong version"
for standard in c++17 c++23; do
  # shellcheck disable=SC2046 # a list of options
  c++ -std=$standard -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror \
    "$here/job/hello.cpp" -o "$work/hello" $(pkg-config --cflags --libs mvm)
  LD_LIBRARY_PATH=$library_folder starts_and_complains "$work/hello"
done
