# SPDX-License-Identifier: Apache-2.0
"""Where the cores are. On a shared host the virtual cores move: near each other, where they share a
cache, or far apart, where everything between them takes several times as long. So figures are
compared only within one placement, which the time tells that a cache line takes between two cores.
"""
import statistics

from comparison.running import run

FAR_NS = 90  # a line takes about 40 ns within a cache, and 180 between two of them

NEAR, FAR = "near", "far"


class Bounce:
    """Measures the time of a cache line from core to core, in nanoseconds one way."""

    def __init__(self, program, cores):
        self._program = program
        self._cores = cores

    def measure(self):
        return float(run([self._program], 20, cores=self._cores).output)


def placement_of(before_ns, after_ns):
    """Of what ran between two bounces: near, far, or None where it changed meanwhile."""
    places = {NEAR if bounce < FAR_NS else FAR for bounce in (before_ns, after_ns)}
    return places.pop() if len(places) == 1 else None


def bounce_between(before_ns, after_ns):
    return statistics.fmean((before_ns, after_ns))
