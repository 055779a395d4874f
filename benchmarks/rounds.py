"""Interleaved rounds: A B C, A B C, …, and the medians and ratios of their CPU per event."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import uvloop

Variant = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One round of one variant."""

    cpu: float
    """CPU of this process per event, in microseconds."""

    rate: float
    """Events per second."""


@contextmanager
def server(module: str) -> Iterator[int]:
    """Run `python -m module` on the last core for the block; yields its port."""
    command = [sys.executable, "-m", module]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


def compare(variants: Mapping[str, Variant], events: int, rounds: int) -> dict[str, Figure]:
    """Run all variants in turn, pinned to the first core; return the median of each figure."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    figures: dict[str, list[Figure]] = {name: [] for name in variants}
    for number in range(rounds + 1):
        for name, variant in variants.items():
            figure = _measured(variant, events)
            if number:  # the first round warms up
                figures[name].append(figure)
    return {
        name: Figure(
            statistics.median(one.cpu for one in all_),
            statistics.median(one.rate for one in all_),
        )
        for name, all_ in figures.items()
    }


def table(figures: Mapping[str, Figure], reference: str) -> str:
    """Return the figures as text, with each variant's CPU relative to `reference`."""
    base = figures[reference].cpu
    lines = [f"{'variant':<28}{'CPU µs/event':>14}{'events/s':>12}{'CPU ratio':>12}"]
    lines += [
        f"{name:<28}{one.cpu:>14.1f}{one.rate:>12,.0f}{one.cpu / base:>11.2f}x"
        for name, one in figures.items()
    ]
    return "\n".join(lines)


def _measured(variant: Variant, events: int) -> Figure:
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    uvloop.run(variant(events))
    elapsed, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Figure(cpu / events * 1e6, events / elapsed)
