# SPDX-License-Identifier: Apache-2.0
"""Running everybody in turn, round by round, so that a busy moment of the host strikes each alike."""
import sys
import time
from dataclasses import dataclass

from comparison.placement import bounce_between, placement_of
from comparison.running import Failed, OtherWork

QUIET = 0.2  # others may use so much of the cores; they do while programs start
HOPELESS = 10  # so many times slower than the best at everything,
LONG_S = 3     # and taking so long: measured no more
REPEATS = 60   # of runs beside which others were busy; afterwards they are it all the time
ENOUGH_S = 20 * 60  # no suite begins later
ATTEMPTS = 2   # at a round, while the cores move in it


@dataclass(frozen=True)
class Sample:
    """One figure of one run."""
    suite: str
    entrant: str
    metric: str
    round: tuple     # its number, and which attempt: what was measured beside each other
    figures: object  # suites.Figures
    bounce_ns: float
    placement: str   # near or far
    others: float    # the part of the cores' time that others used

    @property
    def quiet(self):
        return self.others <= QUIET


class Measurement:
    """Samples, and what was dropped with its reason."""

    def __init__(self):
        self.samples = []
        self.dropped = []
        self.moved = 0  # of those dropped: because the cores moved
        self.failed = set()  # suites and entrants of the others
        self.repeats = REPEATS  # that are left
        self.spent_s = {}  # by suites and entrants, the last time


def measure(suites, rounds, bounce, cores):
    """Each suite's entrants follow each other directly in each round."""
    measurement = Measurement()
    begin = time.monotonic()
    for number in range(rounds):
        for suite in suites:
            if time.monotonic() - begin > ENOUGH_S:
                _tell(f"ended in round {number + 1} of {rounds}: {ENOUGH_S // 60} minutes are over", last=True)
                return measurement
            _tell(f"round {number + 1} of {rounds}, {suite.name}, {time.monotonic() - begin:.0f} s")
            for attempt in range(ATTEMPTS):
                places = {_measure_one(suite, entrant, (number, attempt), bounce, cores, measurement)
                          for entrant in suite.entrants}
                if len(places - {None}) <= 1:
                    break
            if number == 0:
                _leave_out_hopeless(suite, measurement)
    _tell(f"{rounds} rounds took {time.monotonic() - begin:.0f} s", last=True)
    return measurement


def _measure_one(suite, entrant, moment, bounce, cores, measurement):
    """Once more where the cores moved or others were busy; then it is as it is. Returns where the cores
    were."""
    for last_time in (False, True):
        before = bounce.measure()
        others = OtherWork(cores)
        begin = time.monotonic()
        try:
            figures = entrant.measure()
        except Failed as reason:
            _tell(f"dropped {entrant.name} of {suite.name}: {reason}", last=True)
            _drop(measurement, suite, entrant, moment, str(reason))
            measurement.failed.add((suite.name, entrant.name))
            return None
        share = others.share()
        measurement.spent_s[suite.name, entrant.name] = time.monotonic() - begin
        after = bounce.measure()
        placement = placement_of(before, after)
        if last_time or (placement and (share <= QUIET or measurement.repeats == 0)):
            break
        measurement.repeats -= placement is not None
    if placement is None:
        measurement.moved += 1
        _drop(measurement, suite, entrant, moment, f"the cores moved: {before:.0f} ns, then {after:.0f} ns")
        return None
    measurement.samples += [
        Sample(suite.name, entrant.name, metric, moment, figure, bounce_between(before, after), placement, share)
        for metric, figure in figures.items()]
    return placement


def _leave_out_hopeless(suite, measurement):
    """After the first round: peers that failed, or that are far behind in everything and take long."""
    medians = {}
    for sample in measurement.samples:
        if sample.suite == suite.name:
            medians.setdefault(sample.entrant, {})[sample.metric] = sample.figures.median
    best = {}
    for metrics in medians.values():
        for metric, seconds in metrics.items():
            best[metric] = min(seconds, best.get(metric, seconds))

    def is_hopeless(entrant):
        if entrant.name not in medians:
            return (suite.name, entrant.name) in measurement.failed
        return measurement.spent_s[suite.name, entrant.name] > LONG_S and all(
            seconds > HOPELESS * best[metric] for metric, seconds in medians[entrant.name].items())

    for entrant in suite.entrants[1:]:
        if is_hopeless(entrant):
            _tell(f"{suite.name}: {entrant.name} is left out from now on", last=True)
            suite.entrants.remove(entrant)


def _drop(measurement, suite, entrant, moment, reason):
    measurement.dropped.append({"suite": suite.name, "entrant": entrant.name, "round": moment[0],
                                "reason": reason})


def _tell(message, last=False):
    """On a terminal each message replaces the one before."""
    if sys.stderr.isatty():
        print(f"\r\033[K{message}", end="\n" if last else "", file=sys.stderr, flush=True)
    else:
        print(message, file=sys.stderr, flush=True)
