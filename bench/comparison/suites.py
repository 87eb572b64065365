# SPDX-License-Identifier: Apache-2.0
"""What is run: for each suite, the commands of ours and of the peers that measure the same."""
import contextlib
import os
from dataclasses import dataclass, field
from typing import Callable

from comparison import bars, hosts, peers
from comparison.running import BENCH, Failed, run


@dataclass(frozen=True)
class Figures:
    """Seconds for one operation."""
    best: float
    quarter: float  # of the window a quarter behind the best
    median: float


@dataclass
class Entrant:
    name: str
    measure: Callable[[], dict]  # Figures by metric; raises Failed


@dataclass
class Suite:
    name: str
    entrants: list
    skipped: list = field(default_factory=list)  # reasons


class Bench(contextlib.ExitStack):
    """What suites are made with. To be left when all is measured."""

    def __init__(self, mvm, folder, cores, rows):
        super().__init__()
        self.mvm = mvm
        self.folder = folder
        self.cores = cores
        self.programs = peers.Programs(folder)
        self._rows = rows

        self._fibers = None

    def metrics(self, suite, ours, entrant=None):
        """Those that the rows of a suite need, or only those of this entrant, in their order."""
        return list(dict.fromkeys(row.ours if ours else row.theirs for row in self._rows
                                  if row.suite == suite and entrant in (None, *row.entrants)))

    def has_fibers(self):
        """Whether profiles may say execution="fiber"."""
        if self._fibers is None:
            try:
                run([self.mvm, "validate", os.path.join(BENCH, "team", "team.mvm.xml"), "-p", "execution=fiber"])
                self._fibers = True
            except Failed:
                self._fibers = False
        return self._fibers

    def mvm_run(self, name, profile, parameters, limit_s=60, options=(), tasks_on_cores=None):
        """An entrant that is a run of ours."""
        command = [self.mvm, "run", "--quiet", "--no-prefix",
                   "--run-dir", os.path.join(self.folder, "run"), *options]
        for key, value in parameters.items():
            command += ["-p", f"{key}={value}"]
        command.append(os.path.join(BENCH, profile))
        environment = {"MVM_STATE_DIR": os.path.join(self.folder, "state")}
        return Entrant(name, lambda: printed_figures(
            run(command, limit_s, environment, cores=self.cores).output, tasks_on_cores))

    def mpi_run(self, mpi, tasks, source, *arguments, limit_s=60, tasks_on_cores=None):
        command = mpi.launch(tasks, self.programs.mpi(mpi, source), *arguments)
        return self.program_run(mpi.name, command, mpi.environment, limit_s, tasks_on_cores)

    def program_run(self, name, command, environment=None, limit_s=60, tasks_on_cores=None):
        return Entrant(name, lambda: printed_figures(
            run(command, limit_s, environment, cores=self.cores).output, tasks_on_cores))


def printed_figures(output, tasks_on_cores=None):
    """What programs print; see bench/windows.hpp. `tasks_on_cores`: so many tasks must each have
    been on a core of their own."""
    figures, cores = {}, {}
    for words in map(str.split, output.splitlines()):
        if len(words) == 5 and words[1].isdigit():
            figures[f"{words[0]}:{words[1]}"] = Figures(*map(float, words[2:]))
        elif words and words[0] == "cores":
            cores[words[1]] = tuple(words[2:])
    if tasks_on_cores:
        if len(set(cores.values())) != tasks_on_cores or any(len(each) != 1 for each in cores.values()):
            raise Failed(f"tasks were not on a core each: {cores}")
    if not figures:
        raise Failed(f"printed no figures: {output[:200]}")
    return figures


def latency(bench):
    return _pair(bench, "latency")


def stream(bench):
    return _pair(bench, "stream")


def _pair(bench, suite):
    """Two tasks on a core each. The defaults of the peers count for large messages too: there they
    differ."""
    theirs = ",".join(bench.metrics(suite, ours=False))
    large = ",".join(metric for metric in bench.metrics(suite, ours=False)
                     if int(metric.split(":")[1]) > 8192)
    entrants = [bench.mvm_run("mvm", "micro/pair.mvm.xml",
                              {"metrics": ",".join(bench.metrics(suite, ours=True))}, tasks_on_cores=2)]
    entrants += [bench.mpi_run(mpi, 2, "pair_mpi.cpp", theirs, tasks_on_cores=2) for mpi in peers.TUNED]
    if large:
        entrants += [bench.mpi_run(mpi, 2, "pair_mpi.cpp", large, tasks_on_cores=2) for mpi in peers.DEFAULT]
    return Suite(suite, entrants)


def fan(bench):
    """Four tasks on two cores."""
    metrics = ",".join(bench.metrics("fan", ours=True))
    return _crowd(bench, "fan", "team/fan.mvm.xml", {"metrics": metrics}, 4, "fan_mpi.cpp", metrics)


def collectives(tasks):
    def make(bench):
        suite = f"collectives {tasks}"
        return _team(bench, suite, tasks, {}, with_fibers=False)
    return make


def ring(tasks):
    return lambda bench: _team(bench, f"ring {tasks}", tasks, {"shape": "ring"})


def torus(tasks):
    return lambda bench: _team(bench, f"torus {tasks}", tasks, {"shape": "torus"})


def _team(bench, suite, tasks, parameters, with_fibers=True):
    metrics = ",".join(bench.metrics(suite, ours=True))
    return _crowd(bench, suite, "team/team.mvm.xml", {"metrics": metrics, "tasks": tasks, **parameters}, tasks,
                  "team_mpi.cpp", metrics, with_fibers)


def _crowd(bench, suite, profile, parameters, tasks, source, metrics, with_fibers=False):
    """As many tasks as you like on two cores."""
    on_cores = tasks if tasks <= len(bench.cores) else None
    made = Suite(suite, [bench.mvm_run("mvm", profile, parameters, tasks_on_cores=on_cores)])
    if with_fibers and bench.has_fibers():
        made.entrants.append(bench.mvm_run("mvm, fibers", profile, {**parameters, "execution": "fiber"}))
    elif with_fibers:
        made.skipped.append(f'{suite} as fibers: this mvm refuses execution="fiber"')
    made.entrants += [bench.mpi_run(mpi, tasks, source, metrics, tasks_on_cores=on_cores)
                      for mpi in peers.TUNED]
    if floor := ",".join(bench.metrics(suite, ours=True, entrant=bars.FLOOR)):
        made.entrants.append(bench.program_run(bars.FLOOR, [bench.programs.floor("crowd.cpp"), str(tasks), floor]))
    return made


def application(program, tasks, shape="hypercube", width=1):
    """An example's inner loops and messages."""
    def make(bench):
        suite = f"{program} {tasks}"
        metrics = ",".join(bench.metrics(suite, ours=True))
        return _crowd(bench, suite, "applications/application.mvm.xml",
                      {"metrics": metrics, "program": program, "tasks": tasks, "shape": shape, "width": width},
                      tasks, f"{program}_mpi.cpp", metrics, with_fibers=tasks > len(bench.cores))
    return make


def tcp(bench):
    """A task on each of two hosts."""
    reason = hosts.why_not()
    if reason:
        return Suite("tcp", [], [f"tcp: {reason}"])
    two = bench.enter_context(hosts.Hosts(bench.folder))
    parameters = {"metrics": ",".join(bench.metrics("tcp", ours=True)), "machines": 2, "transport": "tcp"}
    made = Suite("tcp", [
        bench.mvm_run(name, "micro/pair.mvm.xml", {**parameters, "trusted": trusted}, options=two.mvm_options(),
                      tasks_on_cores=2)
        for name, trusted in (("mvm", "true"), (bars.ENCRYPTED, "false"))])
    metrics = ",".join(bench.metrics("tcp", ours=False))
    for mpi, environment in ((peers.OPEN_MPI, {}), (peers.MPICH, two.mpich_environment())):
        command = mpi.launch(2, bench.programs.mpi(mpi, "pair_mpi.cpp"), metrics, hosts=two)
        made.entrants.append(bench.program_run(mpi.name, [*two.inside(0), *command], environment,
                                               tasks_on_cores=2))
    return made


def zmq(bench):
    """Two tasks of two machines of this host, beside two processes that use ZeroMQ themselves."""
    metrics = ",".join(bench.metrics("zmq", ours=True))
    bare = [bench.programs.plain("pair_zmq.cpp", libraries=["-lzmq"]), metrics, f"ipc://{bench.folder}/socket"]
    return Suite("zmq", [
        bench.mvm_run("mvm", "micro/pair.mvm.xml", {"metrics": metrics, "machines": 2, "transport": "zmq"},
                      tasks_on_cores=2),
        bench.program_run("ZeroMQ", bare, tasks_on_cores=2)])


ALL = {
    "latency": latency, "stream": stream, "fan": fan,
    "collectives 2": collectives(2), "collectives 16": collectives(16),
    "ring 4": ring(4), "ring 16": ring(16), "ring 64": ring(64), "torus 16": torus(16),
    "tcp": tcp, "zmq": zmq,
    "fft 2": application("fft", 2), "fft 8": application("fft", 8),
    "heat 2": application("heat", 2, "mesh", 2), "heat 16": application("heat", 16, "mesh", 4),
    "sort 2": application("sort", 2), "sort 8": application("sort", 8),
}
