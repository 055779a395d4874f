"""Appends events to a file, one line of JSON each: the dead letters of a laptop."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from gateway.context import Context
from gateway.core.delivery import Delivery
from gateway.errors import AttemptTimeout, ConfigError, EventRejected, SinkUnavailable
from gateway.letters.files import FileLetters, borrow, place_of
from gateway.letters.lines import line_from_event
from tidegate.api.subscription import Subscription


class FileSink:
    """Writes to the file that the subscription's `deadLetter` names.

    An event is on disk when `send` returns; one whose `send` was cut off may be there as well.
    The file is opened with the first event, so that a wrong one holds up only what it concerns.
    Raises `ConfigError` at once for a name that can never be right.
    """

    def __init__(self, subscription: Subscription, context: Context) -> None:
        self._context = context
        self._path = place_of(subscription, context)
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._letters: FileLetters | None = None

    async def send(self, delivery: Delivery, deadline: float) -> None:
        """See `Sink.send`."""
        try:
            line = line_from_event(delivery.event)
        except ValueError as error:
            raise EventRejected(f"writing to {self._path}: {error}") from error
        try:
            async with asyncio.timeout_at(deadline):
                letters = self._letters or await self._open()
                await letters.append(line)
        except TimeoutError as error:
            raise AttemptTimeout(f"writing to {self._path}: the disk did not answer") from error

    async def close(self) -> None:
        """See `Sink.close`."""
        self._letters = None
        await self._stack.aclose()

    async def _open(self) -> FileLetters:
        async with self._opening:
            if self._letters is None:
                try:
                    self._letters = await self._stack.enter_async_context(
                        borrow(self._path, self._context)
                    )
                except ConfigError as error:  # it may be mended without a change of the trigger
                    raise SinkUnavailable(str(error)) from error
            return self._letters
