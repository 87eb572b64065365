# SPDX-License-Identifier: Apache-2.0
"""The table of what is compared, and of what we want to reach: the bars.

A bar is a bound for the ratio of ours to the best peer's: of times at most so much, of rates and
bandwidths at least so much. A row without a bar is there to be known.
"""
from dataclasses import dataclass, field

KIB, MIB = 1024, 1 << 20
ENCRYPTED = "mvm, encrypted"  # an entrant
FLOOR = "floor"  # an entrant: what nobody can be much faster than


@dataclass(frozen=True)
class Row:
    name: str
    suite: str       # what is run for it; see suites.py
    ours: str        # the metric of ours, as the programs print it: "copy.latency:8"
    theirs: str = ""  # of the peers, where it is another
    bar: float | dict | None = None  # or one for each placement
    peers: tuple = ()     # who counts; empty: all that were measured
    entrants: tuple = ("mvm",)  # of ours; the best counts
    quarter: bool = False  # compare the window a quarter behind the best, not the middle one
    limit_s: float | None = None  # the bar is this time, not a peer's
    kind: str = field(init=False)  # time, rate or bandwidth
    size: int = field(init=False)

    def __post_init__(self):
        what, _, size = self.ours.partition(":")
        kind = what.rpartition(".")[2]
        object.__setattr__(self, "kind", kind if kind in ("rate", "bandwidth") else "time")
        object.__setattr__(self, "size", int(size or 0))
        object.__setattr__(self, "theirs", self.theirs or self.ours)

    @property
    def more_is_better(self):
        return self.kind != "time"

    def bar_in(self, placement):
        return self.bar.get(placement) if isinstance(self.bar, dict) else self.bar

    def passes(self, ratio, placement):
        """None where there is no bar."""
        bar = self.bar_in(placement)
        if bar is None:
            return None
        return ratio >= bar if self.more_is_better else ratio <= bar


def is_ours(entrant):
    return entrant.startswith("mvm") or entrant == FLOOR


def size_text(size):
    if size >= MIB:
        return f"{size // MIB} MiB"
    return f"{size // KIB} KiB" if size >= KIB else f"{size} B"


LATENCY_BARS = {8: 0.55, KIB: {"near": 0.55, "far": 0.75}, 64 * KIB: 0.75, MIB: 0.95}
LATENCY_SIZES = (8, 64, KIB, 4 * KIB, 64 * KIB, MIB, 16 * MIB)
BANDWIDTH_BARS = {64 * KIB: (1.0, None), MIB: (1.0, None), 16 * MIB: (0.9, 5)}  # copying, by loan


def _micro():
    yield Row("8 B latency beside a core-to-core bounce", "latency", "copy.latency:8", bar=1.5,
              peers=("bounce",))
    for size in LATENCY_SIZES:
        yield Row(f"{size_text(size)} latency", "latency", f"copy.latency:{size}", bar=LATENCY_BARS.get(size))
    for size in LATENCY_SIZES:
        yield Row(f"{size_text(size)} latency by loan", "latency", f"loan.latency:{size}", f"copy.latency:{size}",
                  bar=0.1 if size == MIB else None)
    for size in (64 * KIB, MIB, 16 * MIB):
        yield Row(f"{size_text(size)} latency by loan, written and read", "latency", f"touch.latency:{size}",
                  f"copy.latency:{size}")
    for size in (8, 64):
        yield Row(f"{size} B message rate", "stream", f"copy.rate:{size}", bar=4)
    for size, (copying, by_loan) in BANDWIDTH_BARS.items():
        theirs = f"copy.bandwidth:{size}"
        yield Row(f"{size_text(size)} bandwidth", "stream", theirs, bar=copying)
        yield Row(f"{size_text(size)} bandwidth by loan", "stream", f"loan.bandwidth:{size}", theirs, bar=by_loan)
        yield Row(f"{size_text(size)} bandwidth by loan, written and read", "stream", f"touch.bandwidth:{size}",
                  theirs)


FIBERS = ("mvm, fibers",)
COLLECTIVES = {2: 0.7, 16: 0.3}  # tasks, and the bar of what has one


def _fan():
    for size in (8, KIB):
        yield Row(f"many to one, {size_text(size)} message rate", "fan", f"gather.rate:{size}")
        yield Row(f"one to many, {size_text(size)} message rate", "fan", f"spread.rate:{size}")


def _collectives():
    for tasks, bar in COLLECTIVES.items():
        suite = f"collectives {tasks}"
        yield Row(f"barrier of {tasks}", suite, "barrier.call:0", bar=bar)
        if tasks > 2:
            yield Row(f"barrier of {tasks}, a counter and the switches alone", suite, "barrier.call:0",
                      entrants=(FLOOR,))
        yield Row(f"all_reduce of {tasks}, 8 B", suite, "all_reduce.call:8", bar=bar)
        for operation in ("broadcast", "reduce", "scan", "all_gather", "all_to_all"):
            yield Row(f"{operation} of {tasks}, 8 B", suite, f"{operation}.call:8")
        for operation in ("all_reduce", "broadcast"):
            for size in (8 * KIB, MIB):
                yield Row(f"{operation} of {tasks}, {size_text(size)}", suite, f"{operation}.call:{size}")


def _oversubscribed():
    for tasks in (4, 16, 64):
        barred = tasks == 16
        yield Row(f"ring of {tasks} processes, per hop", f"ring {tasks}", "ring.hop:8", bar=0.6 if barred else None)
        yield Row(f"ring of {tasks} fibers, per hop", f"ring {tasks}", "ring.hop:8", bar=0.01 if barred else None,
                  entrants=FIBERS)
        yield Row(f"ring of {tasks} processes, the switches alone", f"ring {tasks}", "ring.hop:8", entrants=(FLOOR,))
    yield Row("4x4 torus of processes, 1 KiB exchange", "torus 16", "torus.exchange:1024", bar=0.5)
    yield Row("4x4 torus of processes, the copies and switches alone", "torus 16", "torus.exchange:1024",
              entrants=(FLOOR,))
    yield Row("4x4 torus of fibers, 1 KiB exchange", "torus 16", "torus.exchange:1024", bar=0.1, entrants=FIBERS)


def _between_hosts():
    yield Row("TCP between hosts: 8 B latency", "tcp", "copy.latency:8", bar=1.0)
    yield Row("TCP between hosts: 64 KiB latency", "tcp", f"copy.latency:{64 * KIB}")
    yield Row("TCP between hosts: 8 B message rate", "tcp", "copy.rate:8", bar=10)
    yield Row("TCP between hosts: 1 MiB bandwidth", "tcp", f"copy.bandwidth:{MIB}", bar=1.0, quarter=True)
    # No peer encrypts: to know what it costs.
    for what, metric in (("8 B latency", "copy.latency:8"), ("8 B message rate", "copy.rate:8"),
                         ("1 MiB bandwidth", f"copy.bandwidth:{MIB}")):
        yield Row(f"TCP between hosts, encrypted: {what}", "tcp", metric, entrants=(ENCRYPTED,))
    yield Row("ZeroMQ path: 8 B latency", "zmq", "copy.latency:8", bar=1.6)
    yield Row("ZeroMQ path: 8 B message rate", "zmq", "copy.rate:8")
    yield Row("ZeroMQ path: 1 MiB bandwidth", "zmq", f"copy.bandwidth:{MIB}")


def _below_mpi():
    """Without bars: what MPI runs on, and what hands over memory only."""
    for size in (8, KIB, 64 * KIB, MIB):
        yield Row(f"{size_text(size)} latency beside UCX", "ucx", f"copy.latency:{size}")
    for size in (8, 64 * KIB, MIB):
        yield Row(f"{size_text(size)} latency by loan beside iceoryx", "iceoryx", f"loan.latency:{size}")
    yield Row("8 B message rate by loan beside iceoryx", "iceoryx", "loan.rate:8")


def _applications():
    fibers_too = ("mvm", *FIBERS)
    yield Row("fft of 2^20 points, 2 tasks", "fft 2", "fft.transform:1048576", bar=0.95)
    yield Row("fft of 2^20 points, 8 tasks", "fft 8", "fft.transform:1048576", bar=0.85, entrants=fibers_too)
    yield Row("fft of 2^20 points, 8 tasks, the sums alone", "fft 8", "fft.transform:1048576", entrants=(FLOOR,))
    yield Row("heat on 1024 x 1024, 2 tasks, a step", "heat 2", "heat.step:1024", bar=1.0)
    yield Row("heat on 1024 x 1024, 16 tasks, a step", "heat 16", "heat.step:1024", bar=0.6, entrants=fibers_too)
    yield Row("sort of 2 x 250,000 numbers", "sort 2", "sort.block:250000")
    yield Row("sort of 8 x 250,000 numbers", "sort 8", "sort.block:250000", entrants=fibers_too)


def _commands():
    yield Row("mvm run of 16 tasks, cached", "start", "start.run:16", bar=0.15)
    yield Row("cold build of a small job", "build", "build.cold:0", bar=1.0)
    yield Row("the same, beside MPI without its C++ bindings", "build", "build.cold:0", "build.bare:0")
    yield Row("cached build of a small job", "build", "build.cached:0", bar=1.0, limit_s=0.005)
    yield Row("reading and checking its profile", "build", "build.validate:0", limit_s=0.005)


ROWS = (*_micro(), *_fan(), *_collectives(), *_oversubscribed(), *_between_hosts(), *_below_mpi(), *_applications(), *_commands())
