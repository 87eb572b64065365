# SPDX-License-Identifier: Apache-2.0
"""The peers' packages, installed where they are missing."""
import os
import subprocess
import sys

from comparison.running import fail

# Package, and what is compared with it.
PEERS = ("mpich", "openmpi-bin", "libopenmpi-dev", "libzmq3-dev")


def _is_installed(package):
    shown = subprocess.run(["dpkg-query", "--show", "--showformat=${db:Status-Status}", package],
                           capture_output=True, text=True, check=False)
    return shown.stdout == "installed"


def version(package):
    shown = subprocess.run(["dpkg-query", "--show", "--showformat=${Version}", package],
                           capture_output=True, text=True, check=False)
    return shown.stdout or "not installed"


def install(packages=PEERS):
    """Installs what is missing, by apt."""
    missing = [package for package in packages if not _is_installed(package)]
    if not missing:
        return
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    print(f"Installing {' '.join(missing)}", file=sys.stderr)
    for words in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        done = subprocess.run([*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", *words],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            fail(f"apt-get {' '.join(words)} failed: {done.stderr.strip()}")
