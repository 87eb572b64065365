# SPDX-License-Identifier: Apache-2.0
"""Suites beside libraries below MPI and beside it: UCX, which MPICH runs on, and iceoryx, which hands
over shared memory. They have rows of their own, without bars."""
import contextlib
import glob
import os
import re
import shutil
import signal
import subprocess

from comparison import packages
from comparison.running import GRACE_S, Failed, run, start
from comparison.suites import Entrant, Figures, Suite, printed_figures

START_S = 20        # for a daemon
UCX_RUN_S = 0.3     # about so long for each size
UCX_ENVIRONMENT = {"UCX_TLS": "posix,self"}


def _ours(bench, suite):
    metrics = ",".join(bench.metrics(suite, ours=True))
    return bench.mvm_run("mvm", "micro/pair.mvm.xml", {"metrics": metrics}, tasks_on_cores=2)


@contextlib.contextmanager
def _background(command, ready, environment=None):
    """A program that runs meanwhile; `ready` is what it says when it is."""
    process = start(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                    env={**os.environ, **(environment or {})})
    try:
        signal.signal(signal.SIGALRM, lambda *_: process.kill())
        signal.alarm(START_S)
        for line in process.stdout:
            if ready in line:
                break
        else:
            raise Failed(f"{command[0]} did not start")
        signal.alarm(0)
        yield
    finally:
        signal.alarm(0)
        process.terminate()
        try:
            process.communicate(timeout=GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def iceoryx(bench):
    if not packages.install_if_packaged("iceoryx", "libiceoryx-posh-dev"):
        return Suite("iceoryx", [], ["iceoryx is not packaged here"])
    program = bench.programs.plain(
        "pair_iceoryx.cpp", *(f"-I{folder}" for folder in glob.glob("/usr/include/iceoryx/v*")),
        libraries=("-liceoryx_posh", "-liceoryx_hoofs", "-liceoryx_platform"))
    metrics = ",".join(bench.metrics("iceoryx", ours=False))

    def measure():
        with _background([shutil.which("iox-roudi")], "ready for clients"):
            return printed_figures(run([program, metrics], 60, cores=bench.cores).output, 2)
    return Suite("iceoryx", [_ours(bench, "iceoryx"), Entrant("iceoryx", measure)])


def ucx(bench):
    if not packages.install_if_packaged("ucx-utils"):
        return Suite("ucx", [], ["ucx-utils is not packaged here"])
    metrics = bench.metrics("ucx", ours=False)
    first, second = bench.cores

    def measure_size(size):
        client = ["ucx_perftest", "-t", "tag_lat", "-s", str(size), "-c", str(second), "127.0.0.1"]
        with _background(["stdbuf", "-oL", "ucx_perftest", "-c", str(first)], "Waiting for connection", UCX_ENVIRONMENT):
            # The best guess of how many make up the time: a microsecond, and 10 GB/s.
            count = int(UCX_RUN_S / (1e-6 + size / 1e10))
            output = run([*client, "-n", str(count)], 60, UCX_ENVIRONMENT).output
        final = re.search(r"^Final: +\d+ +([\d.]+)", output, re.MULTILINE)
        if not final:
            raise Failed(f"ucx_perftest printed no result: {output[-200:]}")
        median = float(final.group(1)) * 1e-6
        return Figures(median, median, median)

    def measure():
        return {metric: measure_size(int(metric.split(":")[1])) for metric in metrics}
    return Suite("ucx", [_ours(bench, "ucx"), Entrant("UCX", measure)])


ALL = {"iceoryx": iceoryx, "ucx": ucx}
