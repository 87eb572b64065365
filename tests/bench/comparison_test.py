#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What bench/compare makes of figures, without measuring any program.

  comparison_test.py SOURCE_FOLDER
"""
import contextlib
import io
import itertools
import os
import sys
import tempfile
import unittest

SOURCE = sys.argv.pop(1)
sys.path.insert(0, os.path.join(SOURCE, "bench"))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
from comparison import bars, commands, others, plots, report, rounds, running, suites, verdicts
from comparison.bars import Row
from comparison.placement import FAR, NEAR, placement_of

LATENCY = Row("8 B latency", "latency", "copy.latency:8", bar=0.5)
RATE = Row("8 B rate", "latency", "copy.rate:8", bar=4)


def sample(entrant, seconds, number=0, placement=NEAR, others_share=0.0, metric="copy.latency:8"):
    figures = suites.Figures(seconds / 2, seconds, seconds)
    bounce = 40 if placement == NEAR else 200
    return rounds.Sample("latency", entrant, metric, (number, 0), figures, bounce, placement, others_share)


def only(found):
    assert len(found) == 1, found
    return found[0]


class Verdicts(unittest.TestCase):
    def test_pair_ours_with_the_best_peer_of_the_same_round(self):
        found = only(verdicts.verdicts([LATENCY], [
            sample("mvm", 1.0, 0), sample("Open MPI", 4.0, 0), sample("MPICH", 9.0, 0),
            sample("mvm", 3.0, 1), sample("Open MPI", 6.0, 1), sample("MPICH", 5.0, 1),
            sample("mvm", 2.0, 2), sample("Open MPI", 2.0, 2), sample("MPICH", 9.0, 2)]))
        self.assertEqual((found.best_peer, found.ratio, found.pairs, found.passed), ("Open MPI", 0.5, 3, True))

    def test_never_compare_across_placements(self):
        self.assertEqual(verdicts.verdicts([LATENCY], [sample("mvm", 1.0), sample("MPICH", 9.0, placement=FAR)]), [])
        both = verdicts.verdicts([LATENCY], [
            sample(name, seconds * (1 if place == NEAR else 10), number, place)
            for number in range(2) for place in (NEAR, FAR) for name, seconds in (("mvm", 3.0), ("MPICH", 4.0))])
        self.assertEqual([(each.placement, each.ratio, each.passed) for each in both],
                         [(NEAR, 0.75, False), (FAR, 0.75, False)])

    def test_ask_rates_to_be_higher(self):
        samples = [sample("mvm", 0.2, metric="copy.rate:8"), sample("MPICH", 1.0, metric="copy.rate:8")]
        found = only(verdicts.verdicts([RATE], samples))
        self.assertAlmostEqual(found.ratio, 5)
        self.assertTrue(found.passed)

    def test_leave_out_what_was_measured_beside_other_work(self):
        quiet = [sample(name, seconds, number) for number in range(2)
                 for name, seconds in (("mvm", 1.0), ("MPICH", 4.0))]
        busy = [sample(name, 50.0, number, others_share=0.5) for number in range(2, 9) for name in ("mvm", "MPICH")]
        found = only(verdicts.verdicts([LATENCY], quiet + busy))
        self.assertEqual((found.ratio, found.quiet), (0.25, True))
        self.assertFalse(only(verdicts.verdicts([LATENCY], busy)).quiet)

    def test_never_lose_a_peer_by_leaving_out(self):
        samples = [sample(name, seconds, number) for number in (0, 1)
                   for name, seconds in (("mvm", 1e-7), ("slow", 9e-7))]
        samples += [sample("quick", 2e-7, number, others_share=0.9) for number in (0, 1)]
        samples += [sample(name, 5e-7, number, FAR) for number in (0, 1) for name in ("mvm", "slow")]
        row = only(verdicts.verdicts([LATENCY], samples))
        self.assertEqual((row.best_peer, row.placement, row.quiet), ("quick", NEAR, False))

    def test_know_bars_that_depend_on_the_placement(self):
        row = Row("1 KiB latency", "latency", "copy.latency:8", bar={NEAR: 0.5, FAR: 0.8})
        samples = [sample(name, seconds, number, place) for number in range(2) for place in (NEAR, FAR)
                   for name, seconds in (("mvm", 7.0), ("MPICH", 10.0))]
        self.assertEqual([each.passed for each in verdicts.verdicts([row], samples)], [False, True])

    def test_take_the_best_of_ours_where_several_may(self):
        row = Row("heat", "latency", "copy.latency:8", bar=0.5, entrants=("mvm", "mvm, fibers"))
        found = only(verdicts.verdicts([row], [sample("mvm", 9.0), sample("mvm, fibers", 1.0), sample("MPICH", 4.0)]))
        self.assertEqual(found.ratio, 0.25)
        processes = Row("heat", "latency", "copy.latency:8", bar=0.5)
        found = only(verdicts.verdicts([processes], [sample("mvm", 9.0), sample("mvm, fibers", 1.0),
                                                     sample("MPICH", 4.0)]))
        self.assertEqual((found.ratio, found.best_peer), (2.25, "MPICH"))


class PlayedBounce:
    """Gives these times, by turns."""

    def __init__(self, *times):
        self._times = itertools.cycle(times)

    def measure(self):
        return next(self._times)


def failing():
    raise running.Failed("no luck")


class Rounds(unittest.TestCase):
    def setUp(self):
        self.runs = []

    def entrant(self, name, seconds=1e-7):
        def measure():
            self.runs.append(name)
            return {"copy.latency:8": suites.Figures(seconds, seconds, seconds)}
        return suites.Entrant(name, measure)

    def measure(self, entrants, bounce, count=2):
        with contextlib.redirect_stderr(io.StringIO()):
            return rounds.measure([suites.Suite("latency", entrants)], count, bounce, range(2))

    def test_run_everybody_in_turn(self):
        found = self.measure([self.entrant("mvm"), self.entrant("MPICH")], PlayedBounce(40))
        order = [name for name, _ in itertools.groupby(self.runs)]
        self.assertEqual(order, ["mvm", "MPICH", "mvm", "MPICH"])
        self.assertEqual([(each.entrant, each.round[0]) for each in found.samples],
                         [("mvm", 0), ("MPICH", 0), ("mvm", 1), ("MPICH", 1)])

    def test_drop_what_lies_between_two_placements(self):
        found = self.measure([self.entrant("mvm")], PlayedBounce(40, 200))
        self.assertEqual((found.samples, found.moved), ([], 2))
        self.assertIn("the cores moved", found.dropped[0]["reason"])

    def test_go_on_without_who_fails_or_is_hopeless(self):
        found = self.measure([self.entrant("mvm"), suites.Entrant("MPICH", failing)], PlayedBounce(40), 3)
        self.assertEqual([each["entrant"] for each in found.dropped], ["MPICH"])
        self.assertEqual(len(found.samples), 3)


class Placement(unittest.TestCase):
    def test_is_unknown_when_the_cores_moved(self):
        self.assertEqual(placement_of(38, 45), NEAR)
        self.assertEqual(placement_of(210, 180), FAR)
        self.assertIsNone(placement_of(38, 180))


class Output(unittest.TestCase):
    def test_is_read(self):
        figures = suites.printed_figures("cores 0 0\ncores 1 1\ncopy.latency 8 1e-7 2e-7 3e-7\n", tasks_on_cores=2)
        self.assertEqual(figures, {"copy.latency:8": suites.Figures(1e-7, 2e-7, 3e-7)})

    def test_of_tasks_on_one_core_or_on_any_is_refused(self):
        for cores in ("cores 0 0\ncores 1 0\n", "cores 0 0 1\ncores 1 0 1\n", ""):
            with self.assertRaises(running.Failed):
                suites.printed_figures(cores + "copy.latency 8 1e-7 2e-7 3e-7\n", tasks_on_cores=2)


class Programs(unittest.TestCase):
    def test_that_hang_are_ended_with_all_they_started(self):
        with tempfile.TemporaryDirectory() as folder:
            pid_file = os.path.join(folder, "pid")
            with self.assertRaises(running.Failed):
                running.run(["sh", "-c", f"trap '' TERM; sleep 1000 & echo $! > {pid_file}; wait; wait"],
                            limit_s=1)
            with open(pid_file, encoding="ascii") as file:
                child = int(file.read())
            try:
                with open(f"/proc/{child}/stat", encoding="ascii") as file:
                    self.assertEqual(file.read().split()[2], "Z")
            except FileNotFoundError:
                pass  # it is gone


class Table(unittest.TestCase):
    def test_has_a_suite_for_each_row_and_no_name_twice(self):
        makers = {**suites.ALL, **commands.ALL, **others.ALL}
        self.assertEqual({row.suite for row in bars.ROWS} - set(makers), set())
        names = [row.name for row in bars.ROWS]
        self.assertEqual(len(names), len(set(names)))

    def test_is_drawn_and_replaces_the_one_before_in_the_page(self):
        judged = verdicts.verdicts([LATENCY], [sample("mvm", 1e-7), sample("MPICH", 4e-7)])
        with tempfile.TemporaryDirectory() as folder:
            drawn = plots.draw_all(folder, judged)
            self.assertEqual({name for name, _ in drawn}, set(os.listdir(folder)))
            page = os.path.join(folder, "page.md")
            with open(page, "w", encoding="utf-8") as file:
                file.write(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
            report.write_docs(page, report.section(judged, rounds.Measurement(), "bench/compare", [], drawn))
            with open(page, encoding="utf-8") as file:
                text = file.read()
        self.assertTrue(text.startswith("before\n") and text.endswith("\nafter\n"))
        self.assertNotIn("old", text)
        self.assertIn("| 8 B latency | 100 ns |", text)
        self.assertIn("pass", text)


unittest.main()
