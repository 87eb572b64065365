# SPDX-License-Identifier: Apache-2.0
"""The peers' packages, installed where they are missing."""
import os
import subprocess
import sys

from comparison.running import fail

PEERS = ("mpich", "openmpi-bin", "libopenmpi-dev", "libzmq3-dev")


def _is_installed(package):
    shown = subprocess.run(["dpkg-query", "--show", "--showformat=${db:Status-Status}", package],
                           capture_output=True, text=True, check=False)
    return shown.stdout == "installed"


def version(package):
    shown = subprocess.run(["dpkg-query", "--show", "--showformat=${Version}", package],
                           capture_output=True, text=True, check=False)
    return shown.stdout or "not installed"


def _apt(*words):
    """What went wrong, if anything."""
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    done = subprocess.run([*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", *words],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.stderr.strip() or "failed" if done.returncode != 0 else None


def _install(packages):
    missing = [package for package in packages if not _is_installed(package)]
    if not missing:
        return None
    print(f"Installing {' '.join(missing)}", file=sys.stderr)
    return _apt("update") or _apt("install", "--yes", "--no-install-recommends", *missing)


def install():
    """The peers that all depends on."""
    problem = _install(PEERS)
    if problem:
        fail(f"apt-get: {problem}")


def install_if_packaged(*packages):
    """False where the distribution does not have them."""
    return _install(packages) is None
