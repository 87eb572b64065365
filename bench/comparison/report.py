# SPDX-License-Identifier: Apache-2.0
"""What is printed and written of the verdicts."""
import json
import os
import platform

from comparison import packages
from comparison.bars import is_ours

TIME_UNITS = ((1e-6, 1e-9, "ns"), (1e-3, 1e-6, "us"), (1, 1e-3, "ms"), (float("inf"), 1, "s"))


def number_text(value):
    """Three digits, or all before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def amount(value, kind):
    """A time, a rate or a bandwidth for people."""
    if kind == "rate":
        return f"{number_text(value / 1e6)} M/s"
    if kind == "bandwidth":
        return f"{number_text(value / 1e9)} GB/s"
    for below, unit, name in TIME_UNITS:
        if value < below:
            return f"{number_text(value / unit)} {name}"
    raise AssertionError("unreachable")


def spread(side, kind):
    return f"{amount(side.low, kind)} – {amount(side.high, kind)}"


def side_of(verdict, name):
    return next(side for side in verdict.sides if side.name == name)


def our_side(verdict):
    return next(side for side in verdict.sides if is_ours(side.name) and side.median == verdict.ours)


def bar_text(verdict):
    if verdict.bar is None:
        return ""
    return f"{'≤' if verdict.kind == 'time' else '≥'} {verdict.bar:g}"


def verdict_text(verdict):
    return {None: "", True: "pass", False: "MISS"}[verdict.passed]


def table(verdicts):
    """For a terminal."""
    head = ("", "ours", "best peer", "", "ratio", "bar", "", "cores", "bounce")
    lines = [head] + [
        (each.name, amount(each.ours, each.kind), amount(each.peer, each.kind), each.best_peer,
         number_text(each.ratio), bar_text(each), verdict_text(each), each.placement,
         f"{each.bounce_ns:.0f} ns" + ("" if each.quiet else ", busy"))
        for each in verdicts]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def markdown(verdicts):
    lines = ["| | ours | spread | best peer | | spread | ratio | bar | | cores, bounce |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    for each in verdicts:
        lines.append("| " + " | ".join((
            each.name, amount(each.ours, each.kind), spread(our_side(each), each.kind),
            amount(each.peer, each.kind), each.best_peer, spread(side_of(each, each.best_peer), each.kind),
            number_text(each.ratio), bar_text(each), verdict_text(each),
            f"{each.placement}, {each.bounce_ns:.0f} ns" + ("" if each.quiet else ", busy"))) + " |")
    return "\n".join(lines)


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def machine():
    """What the figures were taken on, and with."""
    versions = {name: packages.version(name) for name in ("openmpi-bin", "mpich", "libzmq5", "ucx-utils", "iceoryx", "g++")}
    return {"processor": processor(), "cores": os.cpu_count(), "kernel": platform.release(),
            "load": os.getloadavg()[0], "versions": versions}


def write_json(path, verdicts, measurement, command, skipped):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"command": command, "machine": machine(), "rows": [each.as_json() for each in verdicts],
                   "dropped": measurement.dropped, "skipped": skipped}, file, indent=1)


BEGIN, END = "<!-- bench/compare writes this: begin -->", "<!-- bench/compare writes this: end -->"


def section(verdicts, measurement, command, skipped, plots):
    """What stands in docs/performance.md between two marks."""
    about = machine()
    passed = sum(each.passed is True for each in verdicts)
    missed = sum(each.passed is False for each in verdicts)
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    lines = [
        BEGIN, "", f"`{command}` on {about['cores']} cores of an {about['processor']}, Linux {about['kernel']}, load "
        f"{about['load']:.1f}; {versions}.", "",
        f"{passed} bars met, {missed} missed. {len(measurement.samples)} figures; {len(measurement.dropped)} runs "
        f"dropped, {measurement.moved} of them because the cores moved.", ""]
    lines += [f"- not measured: {reason}" for reason in skipped] + [""] * bool(skipped)
    lines += [markdown(verdicts), ""]
    for name, what in plots:
        lines += [f"![{what}](performance/{name})", ""]
    return "\n".join([*lines, END])


def write_docs(path, text):
    """Puts the section into its place in a page."""
    with open(path, encoding="utf-8") as file:
        page = file.read()
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} has no '{BEGIN}' and '{END}'")
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + text + after)
