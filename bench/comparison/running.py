# SPDX-License-Identifier: Apache-2.0
"""Finding the programs that are measured, and running them with a time limit."""
import os
import resource
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BENCH = os.path.join(ROOT, "bench")
DEFAULT_MVM = os.path.join(ROOT, "build", "release", "bin", "mvm")
PRIORITY = -10  # as by nice
GRACE_S = 5  # between asking a program to end and killing it


class Failed(Exception):
    """A program that did not end well, or not in time."""


def fail(message):
    """Ends the script: something is missing, or a program fails."""
    print(f"bench/{os.path.basename(sys.argv[0])}: {message}", file=sys.stderr)
    sys.exit(2)


def add_mvm_option(parser):
    parser.add_argument("--mvm", default=DEFAULT_MVM, metavar="PATH",
                        help="the mvm to measure (default: build/release/bin/mvm)")


def find_mvm(path):
    if not os.access(path, os.X_OK):
        fail(f"{path} is not there; run scripts/build")
    return os.path.abspath(path)


def host_line():
    """For the head of a table."""
    return f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores"


@dataclass
class Finished:
    output: str
    errors: str
    seconds: float  # of wall clock


def start(command, cores=None, **options):
    """A process in a session of its own, on its cores, and before others of this host where one may. All is set
    from outside, because a copy of this script, in which it could be done, takes longer to make than short
    commands take."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores or own)
    try:
        process = subprocess.Popen(command, start_new_session=True, text=True, errors="replace", **options)
    finally:
        os.sched_setaffinity(0, own)
    try:
        os.setpriority(os.PRIO_PROCESS, process.pid, PRIORITY)
        with open(f"/proc/{process.pid}/autogroup", "w", encoding="ascii") as file:  # sessions share the cores
            file.write(str(PRIORITY))
    except OSError:
        pass
    return process


def run(command, limit_s=120, environment=None, folder=None, cores=None):
    """Runs a command to its end. It and all that it has started are ended when it takes longer than
    `limit_s`. `environment` is added to that of the script; `cores` are those it may use.
    Raises Failed."""
    begin = time.perf_counter()
    process = start(command, cores, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    env={**os.environ, **(environment or {})}, cwd=folder)
    try:
        output, errors = process.communicate(timeout=limit_s)
    except BaseException as reason:
        _end(process)
        if isinstance(reason, subprocess.TimeoutExpired):
            raise Failed(f"{shlex.join(command)} took longer than {limit_s} s") from None
        raise
    seconds = time.perf_counter() - begin
    if process.returncode != 0:
        last_words = (errors.strip() or output.strip())[-500:]
        raise Failed(f"{shlex.join(command)} ended with {process.returncode}: {last_words}")
    return Finished(output, errors, seconds)


def _end(process):
    process.terminate()  # launchers end what they have started elsewhere
    try:
        process.communicate(timeout=GRACE_S)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.communicate()


class OtherWork:
    """How busy others kept some cores meanwhile: 0 not at all, 1 all the time. What a hypervisor took
    from them counts as others'."""

    def __init__(self, cores):
        self._cores = {f"cpu{core}" for core in cores}
        self._begin = time.monotonic()
        self._busy = self._all_busy_s() - self._own_s()

    def share(self):
        spent = self._all_busy_s() - self._own_s() - self._busy
        return max(0.0, spent / (time.monotonic() - self._begin) / len(self._cores))

    def _all_busy_s(self):
        ticks = 0
        with open("/proc/stat", encoding="ascii") as file:
            for line in file:
                name, *times = line.split()
                if name in self._cores:
                    user, nice, system, _idle, _wait, irq, softirq, stolen = map(int, times[:8])
                    ticks += user + nice + system + irq + softirq + stolen
        return ticks / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def _own_s():
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(each.ru_utime + each.ru_stime for each in used)
