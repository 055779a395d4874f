"""Interleaved rounds: A B C, A B C, …, and the medians and ratios of their CPU per event."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace

import uvloop

Variant = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One round of one variant."""

    cpu: float
    """CPU of this process per event, in microseconds."""

    rate: float
    """Events per second."""

    ratio: float = 1.0
    """CPU of this variant by that of the reference in the same round."""


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
    """Run all variants in turn, pinned to the first core; return the median of each figure.

    The first variant is the reference. Ratios are taken within a round, where both had the same
    machine, and only then is their median taken.
    """
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    figures: dict[str, list[Figure]] = {name: [] for name in variants}
    for number in range(rounds + 1):
        taken = {name: _measured(variant, events) for name, variant in variants.items()}
        base = next(iter(taken.values())).cpu
        for name, one in taken.items():
            if number:  # the first round warms up
                figures[name].append(replace(one, ratio=one.cpu / base))
    return {name: _median(all_) for name, all_ in figures.items()}


def table(figures: Mapping[str, Figure]) -> str:
    """Return the figures as text."""
    lines = [f"{'variant':<28}{'CPU µs/event':>14}{'events/s':>12}{'CPU ratio':>12}"]
    lines += [
        f"{name:<28}{one.cpu:>14.1f}{one.rate:>12,.0f}{one.ratio:>11.2f}x"
        for name, one in figures.items()
    ]
    return "\n".join(lines)


def _median(figures: Sequence[Figure]) -> Figure:
    return Figure(
        *(statistics.median(getattr(one, each.name) for one in figures) for each in fields(Figure))
    )


def _measured(variant: Variant, events: int) -> Figure:
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    uvloop.run(variant(events))
    elapsed, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Figure(cpu / events * 1e6, events / elapsed)
