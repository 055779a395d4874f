"""Stopping a task in an await of one's choice."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any


class Stopped:
    """Runs a coroutine and cancels its task in its `moment`-th await.

    `late` waits until what it awaits is there: the cancellation comes in the same turn of the loop
    as the result, and ahead of it. That is where client libraries lose it.
    """

    def __init__(self, work: Coroutine[Any, Any, None], moment: int, *, late: bool) -> None:
        self._work = work
        self.moment = moment
        self._late = late
        self.awaits = 0

    def __await__(self) -> Generator[Any, Any, None]:
        task = asyncio.current_task()
        assert task is not None
        waited = self._work.send(None)
        while True:
            self.awaits += 1
            if self.awaits == self.moment:
                self._cancel(task, waited)
            try:
                try:
                    result = yield waited
                except BaseException as error:  # noqa: BLE001 - whatever comes is for the work
                    waited = self._work.throw(error)
                else:
                    waited = self._work.send(result)
            except StopIteration:
                return

    def _cancel(self, task: asyncio.Task[None], waited: asyncio.Future[Any] | None) -> None:
        if self._late and waited is not None:
            waited.add_done_callback(lambda _: task.cancel())
        else:
            asyncio.get_running_loop().call_soon(task.cancel)
