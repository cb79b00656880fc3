"""Rounds: everything in one run, in an order drawn anew each time.

Whatever else the machine does thus falls on all alike. Ours is done twice a round, as "ours" and as
"again": the ratio of the two, A/A, tells what the run can't tell.
"""

import random
import statistics

AGAIN = "again"
WARM_UP = 3


def measure(group, rounds):
    """{row: {who: median of milliseconds}}."""
    group = {**group, AGAIN: group["ours"]}
    samples = {}
    warm_up = min(WARM_UP, rounds)
    for turn in range(warm_up + rounds):
        for who in random.sample(list(group), len(group)):
            for row, ms in group[who]().items():
                if turn >= warm_up:
                    samples.setdefault(row, {}).setdefault(who, []).append(ms)
    return {row: {who: statistics.median(ms) for who, ms in by.items()} for row, by in samples.items()}
