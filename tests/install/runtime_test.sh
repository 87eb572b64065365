#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs everything into an empty prefix, moves that, and runs an installed example with the installed
# commands. The documentation that the examples point to must be there.
#   runtime_test.sh BUILD_TREE
set -euo pipefail
build=$1
work=$(mktemp --directory)
trap 'rm -rf "$work"' EXIT
export MVM_CACHE_DIR=$work/cache MVM_STATE_DIR=$work/state MVM_RUNTIME_DIR=$work/runtime

fail() {
  echo "runtime_test: $*" >&2
  exit 1
}

cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/prefix"   # an installed tree may be moved
mvm=$work/prefix/bin/mvm
texts=$work/prefix/share/doc/mvm
[[ -f $texts/README.md && -f $texts/docs/profile.md ]] || fail "the documentation is not in $texts"

cd "$work"
"$mvm" run --quiet "$texts/examples/words" >said || fail "examples/words ended with $?: $(cat said)"
[[ -s said ]] || fail "examples/words says nothing"
while read -r link; do
  [[ -e $texts/examples/words/$link ]] || fail "examples/words/README.md points to $link, which is not installed"
done < <(grep -oP '\]\(\K[^):#]+(?=\))' "$texts/examples/words/README.md")
"$mvm" doctor --leaks >said || fail "something is left over: $(cat said)"
