# SPDX-License-Identifier: Apache-2.0
"""Writes the prime factors of each number that it reads: a filter like any other."""

import sys

for line in sys.stdin:
    number = rest = int(line)
    factors = []
    divisor = 2
    while divisor * divisor <= rest:
        while rest % divisor == 0:
            factors.append(divisor)
            rest //= divisor
        divisor += 1
    if rest > 1 or not factors:
        factors.append(rest)
    print(f"{number}:", *factors)
