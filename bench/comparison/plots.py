# SPDX-License-Identifier: Apache-2.0
"""Pictures of the verdicts, as SVG."""
import math
import os
from collections import Counter
from dataclasses import dataclass
from xml.sax.saxutils import escape

from comparison.bars import is_ours, size_text
from comparison.report import amount, number_text

WIDTH, HEIGHT = 800, 420
LEFT, RIGHT, TOP, BOTTOM = 90, 240, 50, 50
COLOURS = ("#0072b2", "#56b4e9", "#009e73", "#d55e00", "#cc79a7", "#e69f00", "#999999")
BY_LOAN = " by loan"  # in names of rows
AHEAD, BEHIND = "#009e73", "#d55e00"


@dataclass
class Line:
    name: str
    points: list  # (x, y)


class Canvas:
    """An SVG in the making."""

    def __init__(self, width, height, title):
        self._height = height
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            'font-family="sans-serif" font-size="12">', f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" fill="white"/>']
        self.text(width / 2, 24, title, "middle", size=15)

    def text(self, x, y, words, anchor="start", size=12, colour="#222"):
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
                           f'fill="{colour}">{escape(words)}</text>')

    def line(self, x1, y1, x2, y2, colour="#ddd", width=1):
        self._parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                           f'stroke="{colour}" stroke-width="{width}"/>')

    def path(self, points, colour):
        self._parts.append(f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}" '
                           f'fill="none" stroke="{colour}" stroke-width="2"/>')

    def dot(self, x, y, colour, radius=3.5):
        self._parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"/>')

    def rectangle(self, x, y, width, height, colour):
        self._parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
                           f'fill="{colour}"/>')

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join([*self._parts, "</svg>"]) + "\n")


class LogScale:
    def __init__(self, values, start, end):
        self.low, self.high = math.log10(min(values)), math.log10(max(values))
        if self.high - self.low < 0.1:
            self.low, self.high = self.low - 0.5, self.high + 0.5
        self._start, self._end = start, end

    def at(self, value):
        part = (math.log10(value) - self.low) / (self.high - self.low)
        return self._start + part * (self._end - self._start)

    def decades(self):
        return [10.0 ** power for power in range(math.ceil(self.low), math.floor(self.high) + 1)]


def line_chart(path, title, lines, x_text, y_text):
    """Lines over logarithmic axes."""
    canvas = Canvas(WIDTH, HEIGHT, title)
    xs = sorted({x for line in lines for x, _ in line.points})
    across = LogScale(xs, LEFT, WIDTH - RIGHT)
    up = LogScale([y for line in lines for _, y in line.points], HEIGHT - BOTTOM, TOP)
    for x in xs:
        canvas.line(across.at(x), TOP, across.at(x), HEIGHT - BOTTOM)
        canvas.text(across.at(x), HEIGHT - BOTTOM + 18, x_text(x), "middle")
    for y in up.decades():
        canvas.line(LEFT, up.at(y), WIDTH - RIGHT, up.at(y))
        canvas.text(LEFT - 8, up.at(y) + 4, y_text(y), "end")
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        points = [(across.at(x), up.at(y)) for x, y in sorted(line.points)]
        canvas.path(points, colour)
        for point in points:
            canvas.dot(*point, colour)
        canvas.rectangle(WIDTH - RIGHT + 20, TOP + 20 * number, 12, 12, colour)
        canvas.text(WIDTH - RIGHT + 38, TOP + 20 * number + 11, line.name)
    canvas.save(path)


def ratio_chart(path, title, verdicts):
    """How many times faster than the best peer each row is, and how many the bar asks for."""
    names_width, row_height = 330, 19
    height = TOP + 34 + row_height * len(verdicts)
    canvas = Canvas(WIDTH, height, title)
    speedups = [_speedup(each.ratio, each) for each in verdicts]
    asked = [_speedup(each.bar, each) for each in verdicts]
    twice = {name for name, times in Counter(each.name for each in verdicts).items() if times > 1}
    scale = LogScale([*speedups, *asked, 0.5, 2], names_width, WIDTH - 70)
    for tick in (*scale.decades(), 1.0):
        canvas.line(scale.at(tick), TOP, scale.at(tick), height - 24, "#888" if tick == 1 else "#ddd")
        canvas.text(scale.at(tick), height - 8, f"{tick:g} x", "middle")
    for number, (each, speedup, bar) in enumerate(zip(verdicts, speedups, asked)):
        y = TOP + row_height * number
        begin, end = sorted((scale.at(1), scale.at(speedup)))
        canvas.rectangle(begin, y + 4, max(end - begin, 1), 9, AHEAD if each.passed else BEHIND)
        canvas.line(scale.at(bar), y + 1, scale.at(bar), y + 16, "#222", 2)
        name = f"{each.name}, cores {each.placement}" if each.name in twice else each.name
        canvas.text(names_width - 10, y + 13, name, "end")
        canvas.text(WIDTH - 60, y + 13, f"{number_text(speedup)} x")
    canvas.save(path)


def _speedup(ratio, verdict):
    return ratio if verdict.kind != "time" else 1 / ratio


def _by_x(verdicts, x_of=lambda verdict: verdict.size):
    """Lines of the medians: one for each of the peers, and of ours for each way to send."""
    found = {}
    for each in verdicts:
        way = BY_LOAN + each.name.partition(BY_LOAN)[2] if BY_LOAN in each.name else ""
        for side in each.sides:
            if is_ours(side.name) or not way:  # peers have no way of their own
                name = side.name + way if is_ours(side.name) else side.name
                found.setdefault(name, {})[x_of(each)] = side.median
    return [Line(name, list(points.items())) for name, points in found.items()]


def draw_all(folder, verdicts):
    """Returns (file name, what it shows) of each."""
    os.makedirs(folder, exist_ok=True)
    place = max(("near", "far"), key=lambda where: sum(each.placement == where for each in verdicts))
    drawn = []

    def of_suite(name):
        return [each for each in verdicts if each.suite == name and each.placement == place
                and not each.name.endswith("bounce")]

    def draw(name, what, chart, *arguments):
        chart(os.path.join(folder, name), what, *arguments)
        drawn.append((name, what))

    for suite, name, kind, title in (("latency", "latency", "time", "One-way latency by size"),
                                     ("stream", "bandwidth", "bandwidth", "Bandwidth by size")):
        rows = [each for each in of_suite(suite) if each.kind == kind]
        if rows:
            draw(f"{name}.svg", f"{title}, cores {place}", line_chart,
                 _by_x(rows), size_text, lambda y, kind=kind: amount(y, kind))
    rings = [each for tasks in (4, 16, 64) for each in of_suite(f"ring {tasks}")]
    if rings:
        def tasks_of(each):
            return int(each.suite.split()[1])
        draw("ring.svg", f"A token around a ring on two cores, per hop, cores {place}", line_chart,
             _by_x(rings, tasks_of),
             lambda x: f"{x:.0f} tasks", lambda y: amount(y, "time"))
    barred = [each for each in verdicts if each.bar is not None]
    if barred:
        draw("ratios.svg", "Ours beside the best peer; the black line is the bar", ratio_chart, barred)
    return drawn
