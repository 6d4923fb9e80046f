"""Timing that the benchmarks share."""

import statistics
import time
from collections.abc import Callable


def medians(rounds: int, *tasks: Callable[[], object]) -> list[float]:
    """Time tasks in turn, round by round; return the median seconds of the processor that each takes."""
    times = []
    for _ in range(rounds):
        times.append([])
        for task in tasks:
            start = time.process_time()
            task()
            times[-1].append(time.process_time() - start)
    return [statistics.median(column) for column in zip(*times, strict=True)]
