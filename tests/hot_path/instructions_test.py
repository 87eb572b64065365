#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions of sending and receiving a message of 8 bytes, by callgrind, and fails when
one takes more than its bound. Noise does not touch the counts.

  instructions_test.py [--self-test] PROGRAM    (the built hot_path_loop)

--self-test: with bounds that no code can keep, every one must be found to be exceeded.
Exit status: 0 within the bounds, 1 above, 77 when valgrind is not installed.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

# Instructions for one message at most: of an operation, in batches of so many messages. Lower them
# when the code takes fewer.
BOUNDS = {
    ("send", 1): 163,
    ("send", 32): 143,
    ("receive_into", 1): 135,
    ("receive_into", 32): 116,
    ("receive", 1): 132,
    ("receive", 32): 116,
}
MESSAGES = 20_000 // 32 * 32
SKIPPED = 77


def count(program, operation, batch, folder):
    """Instructions for one message."""
    counts = os.path.join(folder, "counts")
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--collect-atstart=no", f"--callgrind-out-file={counts}",
         program, operation, str(MESSAGES), str(batch)],
        capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        sys.exit(f"{program} ended with {done.returncode} under valgrind:\n{done.stderr}")
    with open(counts, encoding="utf-8") as file:
        total = re.search(r"^(?:summary|totals): (\d+)", file.read(), re.MULTILINE)
    os.remove(counts)
    if not total or int(total.group(1)) < MESSAGES:
        sys.exit(f"callgrind counted nothing of {operation}")
    return int(total.group(1)) / MESSAGES


def main():
    *options, program = sys.argv[1:]
    if not shutil.which("valgrind"):
        print("skipped: valgrind is not installed; run scripts/setup test")
        return SKIPPED
    bounds = {what: 1 for what in BOUNDS} if "--self-test" in options else BOUNDS
    above = 0
    with tempfile.TemporaryDirectory(prefix="mvm-test-") as folder:
        for (operation, batch), bound in bounds.items():
            instructions = count(program, operation, batch, folder)
            exceeds = instructions > bound
            above += exceeds
            print(f"{operation:13} in batches of {batch:2}: {instructions:7.1f} instructions for a message, "
                  f"at most {bound}{'  ABOVE' if exceeds else ''}")
    if "--self-test" in options:
        return 0 if above == len(bounds) else 1
    return 1 if above else 0


sys.exit(main())
