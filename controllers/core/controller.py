"""Runs one reconciler over a queue of keys."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from controllers.core.reconciler import Reconciler, TerminalError
from controllers.core.workqueue import WorkQueue
from tidegate.kube.backoff import Backoff
from tidegate.kube.errors import Conflict, KubeError, NotLeading, Unavailable
from tidegate.kube.objects import ObjectKey

logger = logging.getLogger(__name__)

OUTCOMES = ("success", "conflict", "unavailable", "error", "terminal")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0
"""Of a worker whose object the API server could not take; longer, and others would wait for it."""


@dataclass(slots=True)
class Counts:
    """What a controller has done, for its metrics."""

    outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    seconds: float = 0.0


class Controller:
    """Workers that take keys and reconcile them, for as long as `run` lasts.

    An error of one object concerns that object: it is tried again with growing delays, without
    end, and no other waits for it. `deadline` bounds one reconciliation, in seconds.
    """

    def __init__(
        self,
        name: str,
        reconciler: Reconciler,
        queue: WorkQueue,
        *,
        workers: int = 4,
        deadline: float = 120.0,
    ) -> None:
        self.name = name
        self.queue = queue
        self.counts = Counts()
        self._reconciler = reconciler
        self._workers = workers
        self._deadline = deadline

    async def run(self) -> None:
        """Work until cancelled; what a worker is at is cancelled with it."""
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self._workers):
                    group.create_task(self._work(), name=f"{self.name} controller {number}")
        finally:
            self.queue.close()

    async def _work(self) -> None:
        # Each object waits for its own next try; but a thousand objects are a thousand first tries.
        pause = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        while True:
            key = await self.queue.get()
            started = time.monotonic()
            outcome = await self._reconcile(key)
            self.counts.outcomes[outcome] += 1
            self.counts.seconds += time.monotonic() - started
            if outcome == "unavailable":
                await asyncio.sleep(pause.wait())
            else:
                pause.reset()

    async def _reconcile(self, key: ObjectKey) -> str:
        """Look at one object; return how that is counted. No error of it goes further."""
        failed: Callable[..., float] = self.queue.failed
        try:
            async with asyncio.timeout(self._deadline):
                result = await self._reconciler.reconcile(key)
        except TerminalError as error:
            logger.warning("%s %s: %s", self.name, key, error)
            self.queue.done(key)
            return "terminal"
        except (Conflict, NotLeading) as error:
            logger.debug("%s %s: %s", self.name, key, error)
            failed(key)
            return "conflict"
        except Unavailable as error:
            self._report(key, str(error), failed(key, error.retry_after or 0.0))
            return "unavailable"
        except KubeError as error:
            self._report(key, str(error), failed(key))
            return "error"
        except TimeoutError:
            self._report(key, f"no end within {self._deadline:g} s", failed(key))
            return "error"
        except Exception as error:
            delay = failed(key)
            if self.queue.failures(key) == 1:
                logger.exception("%s %s: reconciling it failed", self.name, key)
            else:
                self._report(key, f"{type(error).__name__}: {error}", delay)
            return "error"
        self.queue.done(key)
        if result.after is not None:
            self.queue.add_after(key, result.after)
        return "success"

    def _report(self, key: ObjectKey, error: str, delay: float) -> None:
        logger.warning("%s %s: %s; trying again in %.1f s", self.name, key, error, delay)
