# SPDX-License-Identifier: Apache-2.0
"""Suites that time whole commands: starting a group, and building a program."""
import os
import statistics

from comparison import peers
from comparison.running import BENCH, Failed, run
from comparison.suites import Entrant, Figures, Suite

START_TASKS = 16
LEAST_TIMES = 3  # in each round
SHORT_S = 0.2    # commands that take less are run as often as fit

SMALL_JOB = """#include <mvm/job.hpp>
#include <cstdio>
int main(int argc, char** argv) {{
  mvm::Job job(argc, argv);
  std::printf("hello {number} from %zu of %zu\\n", job.index(), job.count());
}}
"""
SMALL_PROFILE = """<profile xmlns="urn:mvm:profile:1" name="small">
  <job name="small" count="2"><source>small.cpp</source></job>
</profile>
"""


def _timed(name, metric, once, prepare=lambda: None):
    """An entrant that is a command: `once()` runs it and gives its seconds. It is run once more before
    the first round, to fill caches."""
    warm = []

    def measure():
        if not warm:
            prepare()
            once()
            warm.append(True)
        seconds = []
        while len(seconds) < LEAST_TIMES or sum(seconds) < SHORT_S:
            prepare()
            seconds.append(once())
        seconds.sort()
        return {metric: Figures(seconds[0], seconds[0], statistics.median(seconds))}
    return Entrant(name, measure)


def start(bench):
    """Tasks that only say hello, the program in the cache."""
    def entrant(name, command, environment):
        def once():
            done = run(command, 60, environment, cores=bench.cores)
            if done.output.count("hello from") != START_TASKS:
                raise Failed(f"{name}: not everybody said hello")
            return done.seconds
        return _timed(name, "start.run:16", once)

    state = {"MVM_STATE_DIR": os.path.join(bench.folder, "state")}
    ours = [bench.mvm, "run", "--run-dir", os.path.join(bench.folder, "run"), "-p", f"tasks={START_TASKS}",
            os.path.join(BENCH, "hello")]
    return Suite("start", [entrant("mvm", ours, state)] + [
        entrant(mpi.name, mpi.launch(START_TASKS, bench.programs.mpi(mpi, "hello_mpi.cpp")), mpi.environment)
        for mpi in peers.TUNED])


def build(bench):
    """A small program: never seen before, and found in the cache."""
    folder = os.path.join(bench.folder, "small")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "small.mvm.xml"), "w", encoding="utf-8") as file:
        file.write(SMALL_PROFILE)
    environment = {"MVM_CACHE_DIR": os.path.join(bench.folder, "cache"), "CCACHE_DISABLE": "1"}
    versions = iter(range(10**9))

    def make_new():
        with open(os.path.join(folder, "small.cpp"), "w", encoding="utf-8") as file:
            file.write(SMALL_JOB.format(number=next(versions)))

    def entrant(name, metric, command, prepare=lambda: None):
        return _timed(name, metric, lambda: run(command, 120, environment, cores=bench.cores).seconds, prepare)

    def compiler(mpi, *options):
        source = os.path.join(peers.SOURCES, "hello_mpi.cpp")
        return [mpi.compiler, "-O2", *options, source, "-o", os.path.join(bench.folder, "small.mpi")]

    ours = [bench.mvm, "build", folder]
    return Suite("build", [
        entrant("mvm", "build.cold:0", ours, make_new),
        entrant("mvm", "build.cached:0", ours),
        entrant("mvm", "build.validate:0", [bench.mvm, "validate", folder]),
        *(entrant(mpi.name, "build.cold:0", compiler(mpi)) for mpi in peers.TUNED),
        *(entrant(mpi.name, "build.bare:0", compiler(mpi, *peers.WITHOUT_BINDINGS)) for mpi in peers.TUNED)])


ALL = {"start": start, "build": build}
