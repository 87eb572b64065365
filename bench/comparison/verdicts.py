# SPDX-License-Identifier: Apache-2.0
"""From samples to rows: medians, spreads, the best peer, the ratio, and whether it meets the bar."""
import statistics
from dataclasses import asdict, dataclass

from comparison.bars import is_ours
from comparison.placement import FAR, NEAR

FEWEST_PAIRS = 2  # below, a placement has no row of its own where the other has one


@dataclass
class Side:
    """Ours, or a peer's: seconds for one operation, or operations or bytes in a second."""
    name: str
    median: float
    low: float       # the quarter and the three quarters of the samples lie between
    high: float
    samples: list


@dataclass
class Verdict:
    name: str
    suite: str
    kind: str
    size: int
    placement: str
    bounce_ns: float
    ours: float
    peer: float
    best_peer: str
    ratio: float
    bar: float | None
    passed: bool | None
    pairs: int
    sides: list
    peers: list
    quiet: bool = True  # no other work on the cores

    def as_json(self):
        row = asdict(self)
        row["pass"] = row.pop("passed")
        return row


def verdicts(rows, samples):
    """Those of each row, one for each placement that was seen often enough."""
    result = []
    for row in rows:
        judged = [verdict for verdict in (_judge_best(row, samples, place) for place in (NEAR, FAR)) if verdict]
        judged = [verdict for verdict in judged if not _lacks_peers(verdict, judged)]
        often = [verdict for verdict in judged if verdict.pairs >= FEWEST_PAIRS]
        result += often or judged[:1]
    return result


def _lacks_peers(verdict, others):
    """A row without the peer that happened to be dropped there would flatter us."""
    return any(set(verdict.peers) < set(other.peers) for other in others)


def _judge_best(row, samples, placement):
    """From what was measured while others were quiet, where that is enough."""
    quiet = _judge(row, [sample for sample in samples if sample.quiet], placement)
    judged = _judge(row, samples, placement)
    if quiet and quiet.pairs >= FEWEST_PAIRS and not _lacks_peers(quiet, [judged]):
        return quiet
    if judged:
        judged.quiet = False
    return judged


def _value(row, sample):
    seconds = sample.figures.quarter if row.quarter else sample.figures.median
    if row.kind == "rate":
        return 1 / seconds
    return row.size / seconds if row.kind == "bandwidth" else seconds


def _by_round(row, metric, samples, placement):
    """Values of an entrant by round: entrant -> round -> value."""
    found = {}
    for sample in samples:
        if (sample.suite, sample.metric, sample.placement) == (row.suite, metric, placement):
            found.setdefault(sample.entrant, {})[sample.round] = _value(row, sample)
    return found


def _side(name, values):
    ordered = sorted(values)
    quarters = statistics.quantiles(ordered, n=4) if len(ordered) > 1 else ordered * 3
    return Side(name, statistics.median(ordered), quarters[0], quarters[2], ordered)


def _best(sides, row):
    return (max if row.more_is_better else min)(sides, key=lambda side: side.median)


def _judge(row, samples, placement):
    """None where ours or all peers are missing in this placement."""
    ours = {name: values for name, values in _by_round(row, row.ours, samples, placement).items()
            if name in row.entrants}
    bounces = [(sample.round, sample.bounce_ns) for sample in samples
               if (sample.suite, sample.metric, sample.placement) == (row.suite, row.ours, placement)]
    if row.peers == ("bounce",):
        theirs = {"bounce": {number: bounce / 1e9 for number, bounce in bounces}}
    elif row.limit_s is not None:
        theirs = {"the limit": {number: row.limit_s for number, _ in bounces}}
    else:
        theirs = {name: values for name, values in _by_round(row, row.theirs, samples, placement).items()
                  if not is_ours(name) and (not row.peers or name in row.peers)}
    if not ours or not theirs:
        return None
    our_sides = [_side(name, values.values()) for name, values in ours.items()]
    their_sides = [_side(name, values.values()) for name, values in theirs.items()]
    our_best, their_best = _best(our_sides, row), _best(their_sides, row)
    mine, other = ours[our_best.name], theirs[their_best.name]
    ratios = [mine[number] / other[number] for number in mine.keys() & other.keys()]
    ratio = statistics.median(ratios) if ratios else our_best.median / their_best.median
    return Verdict(row.name, row.suite, row.kind, row.size, placement,
                   statistics.median(bounce for _, bounce in bounces), our_best.median, their_best.median,
                   their_best.name, ratio, row.bar_in(placement), row.passes(ratio, placement), len(ratios),
                   our_sides + their_sides, [side.name for side in their_sides])
