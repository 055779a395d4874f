"""Which objects are to be looked at: each once, each by one worker, failures later and later."""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from dataclasses import dataclass

from tidegate.kube.objects import ObjectKey


@dataclass(frozen=True, slots=True)
class RequeueDelays:
    """How long a failed object waits: doubling from `first` to `longest` seconds, with jitter."""

    first: float = 0.2
    longest: float = 300.0
    jitter: float = 0.2

    def after(self, failures: int) -> float:
        """Return the wait after that many failures in a row, at least 1."""
        delay = self.first * 2.0 ** min(failures - 1, 32)
        return min(delay, self.longest) * random.uniform(1 - self.jitter, 1)


class WorkQueue:
    """Keys to be worked on, in the order they came.

    A key is queued once, however often it is added, and never worked on by two at once: added
    while a worker is at it, it comes again when that worker is done. What waits for its time is
    worked on at once when something adds it; of two times the earlier counts.
    """

    def __init__(self, delays: RequeueDelays | None = None) -> None:
        self._delays = delays or RequeueDelays()
        self._ready: OrderedDict[ObjectKey, None] = OrderedDict()
        self._working: set[ObjectKey] = set()
        self._again: set[ObjectKey] = set()
        self._timers: dict[ObjectKey, asyncio.TimerHandle] = {}
        self._failures: dict[ObjectKey, int] = {}
        self._signal = asyncio.Event()

    def __len__(self) -> int:
        return len(self._ready)

    @property
    def idle(self) -> bool:
        """Whether nothing is ready or being worked on."""
        return not self._ready and not self._working

    def add(self, key: ObjectKey) -> None:
        """Have `key` worked on as soon as a worker is free."""
        self._forget_timer(key)
        if key in self._working:
            self._again.add(key)
        else:
            self._ready[key] = None
            self._signal.set()

    def add_after(self, key: ObjectKey, delay: float) -> None:
        """Have `key` worked on in `delay` seconds, unless that happens earlier anyway."""
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if key in self._ready or (timer is not None and timer.when() <= loop.time() + delay):
            return
        self._forget_timer(key)
        self._timers[key] = loop.call_later(delay, self.add, key)

    async def get(self) -> ObjectKey:
        """Return the next key; the caller calls `done` or `failed` for it. Safe to cancel."""
        while not self._ready:
            self._signal.clear()
            await self._signal.wait()
        key, _ = self._ready.popitem(last=False)
        self._working.add(key)
        return key

    def done(self, key: ObjectKey) -> None:
        """Note that the work on `key` succeeded."""
        self._failures.pop(key, None)
        self._finish(key)

    def failed(self, key: ObjectKey, at_least: float = 0.0) -> float:
        """Have `key` worked on again later, not before `at_least` seconds; return the wait."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = max(self._delays.after(failures), at_least)
        self._finish(key)
        self.add_after(key, delay)
        return delay

    def failures(self, key: ObjectKey) -> int:
        """Return how often in a row the work on `key` failed."""
        return self._failures.get(key, 0)

    def close(self) -> None:
        """Forget what waits for its time."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _finish(self, key: ObjectKey) -> None:
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def _forget_timer(self, key: ObjectKey) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
