"""The alarm clock that all cron triggers of a process share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Protocol

from apscheduler.executors.base import BaseExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

BEAT = 30.0
"""How late a tick may be after the machine's clock was set forward."""


class Timer(Protocol):
    """Calls back at a time of the wall clock, also when that clock is set in between."""

    def at(self, when: datetime, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` once, at `when` or at once if that has passed; return how to cancel."""
        ...

    async def close(self) -> None: ...


class SchedulerTimer:
    """A `Timer` on one APScheduler.

    It only wakes: what is due is decided by who is woken. Its jobs are never "misfired": a late
    alarm is still an alarm.
    """

    def __init__(self) -> None:
        quiet = logging.getLogger(f"{__name__}.apscheduler")
        quiet.setLevel(logging.WARNING)  # it reports every job at INFO
        self._scheduler = AsyncIOScheduler(
            logger=quiet,
            timezone=UTC,
            executors={"default": _WakeExecutor()},
            job_defaults={"misfire_grace_time": None, "coalesce": True},
        )
        self._scheduler.start()
        self._loop = asyncio.get_running_loop()
        self._beat = self._loop.call_later(BEAT, self._on_beat)

    def at(self, when: datetime, wake: Callable[[], None]) -> Callable[[], None]:
        job = self._scheduler.add_job(wake, DateTrigger(when, UTC))

        def cancel() -> None:
            with suppress(JobLookupError):
                job.remove()

        return cancel

    async def close(self) -> None:
        self._beat.cancel()
        self._scheduler.shutdown(wait=False)
        await asyncio.sleep(0)  # the scheduler stops its own timer in the loop's next step

    def _on_beat(self) -> None:
        self._scheduler.wakeup()
        self._beat = self._loop.call_later(BEAT, self._on_beat)


class _WakeExecutor(BaseExecutor):  # type: ignore[misc]  # APScheduler has no types
    """Runs a job as a plain call in the loop: no thread, no task, no log line."""

    def _do_submit_job(self, job: Any, run_times: Any) -> None:
        asyncio.get_running_loop().call_soon(self._wake, job)

    def _wake(self, job: Any) -> None:
        self._run_job_success(job.id, ())
        job.func(*job.args, **job.kwargs)


async def open_timer() -> Timer:
    """Start the timer that production uses."""
    return SchedulerTimer()


async def close_timer(timer: Timer) -> None:
    await timer.close()
