"""Asks every replica of the gateway what its triggers do, and tells who should know.

Statuses are written for people and for `kubectl`: what changes a condition is told at the next
poll, numbers alone seldom, and never more at a time than the API server should be asked for.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import aiohttp
from yarl import URL

from controllers.report import Report, Row, TriggerName, reports, rows_of
from controllers.settings import ReportSettings

logger = logging.getLogger(__name__)

Listener = Callable[[TriggerName], None]
Replicas = Callable[[], Iterable[str]]
"""Names the admin servers of the gateway now, as host and port."""


@dataclass(frozen=True, slots=True)
class _Told:
    rows: list[Row]
    at: float


class GatewayReports:
    """What gateways tell of each trigger, as it may be written now."""

    def __init__(self, replicas: Replicas, settings: ReportSettings | None = None) -> None:
        self.asked = False
        """Whether a poll has ended since this process began."""

        self._replicas = replicas
        self._settings = settings or ReportSettings()
        self._told: dict[str, _Told] = {}
        self._published: dict[TriggerName, Report] = {}
        self._published_at: dict[TriggerName, float] = {}
        self._listeners: list[Listener] = []
        self._begun: list[Callable[[], None]] = []
        self._silent: set[str] = set()

    def subscribe(self, listener: Listener, begun: Callable[[], None]) -> None:
        """Call `listener` with each trigger of which something else is told, and `begun` once,
        when all replicas were asked for the first time."""
        self._listeners.append(listener)
        self._begun.append(begun)

    def of(self, name: TriggerName) -> Report | None:
        """Return what is told of a trigger, or None."""
        return self._published.get(name)

    async def run(self) -> None:
        """Ask again and again, until cancelled."""
        timeout = aiohttp.ClientTimeout(total=self._settings.timeout)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                await self._poll(session)
                await asyncio.sleep(self._settings.interval)

    async def _poll(self, session: aiohttp.ClientSession) -> None:
        replicas = sorted(set(self._replicas()))
        slots = asyncio.Semaphore(self._settings.at_once)
        async with asyncio.TaskGroup() as group:
            for replica in replicas:
                group.create_task(self._ask(session, slots, replica), name=f"report of {replica}")
        oldest = time.monotonic() - self._settings.patience
        self._told = {
            name: told
            for name, told in self._told.items()
            if name in replicas and told.at >= oldest
        }
        self._silent &= set(replicas)
        self._publish(reports({name: told.rows for name, told in self._told.items()}))

    async def _ask(
        self, session: aiohttp.ClientSession, slots: asyncio.Semaphore, replica: str
    ) -> None:
        rows: list[Row] = []
        after: str | None = ""
        try:
            while after is not None and len(rows) < self._settings.most_rows:
                async with slots:
                    body, after = await self._page(session, replica, after)
                left = self._settings.most_rows - len(rows)
                rows += await asyncio.to_thread(rows_of, body, left)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            self._missed(replica, error)
        else:
            self._silent.discard(replica)
            self._told[replica] = _Told(rows, time.monotonic())

    async def _page(
        self, session: aiohttp.ClientSession, replica: str, after: str
    ) -> tuple[bytes, str | None]:
        """Ask for the rows that follow the id `after`; return them, and the last id if there are
        more."""
        params = {"after": after} if after else {}
        async with session.get(f"http://{replica}/subscriptions", params=params) as response:
            response.raise_for_status()
            body = await _bounded(response, self._settings.most_bytes)
            link = response.links.get("next")
        # Only the id is taken from it: a replica must not send us elsewhere.
        following = None if link is None else link.get("url")
        return body, following.query.get("after") if isinstance(following, URL) else None

    def _missed(self, replica: str, error: Exception) -> None:
        if replica not in self._silent:
            reason = str(error) or type(error).__name__
            logger.warning("gateway %s: does not tell of its triggers: %s", replica, reason)
        self._silent.add(replica)

    def _publish(self, found: dict[TriggerName, Report]) -> None:
        """Let through what is due, conditions first, and of numbers the oldest first."""
        due = self._due(found)
        if self.asked:
            due = due[: self._settings.writes]
        for name in due:
            report = found.get(name)
            if report is None:
                self._published.pop(name, None)
                self._published_at.pop(name, None)
            else:
                self._published[name] = report
                self._published_at[name] = time.monotonic()
        begun, self.asked = [] if self.asked else self._begun, True
        for begin in begun:
            begin()
        for listener in self._listeners:
            for name in due:
                listener(name)

    def _due(self, found: dict[TriggerName, Report]) -> list[TriggerName]:
        news = [
            name
            for name, report in found.items()
            if report.says_more_than(self._published.get(name))
        ]
        gone = [name for name in self._published if name not in found]
        until = time.monotonic() - self._settings.numbers
        numbers = [
            name
            for name, report in found.items()
            if self._published_at.get(name, until + 1) <= until
            and report != self._published.get(name)
        ]
        numbers.sort(key=lambda name: self._published_at[name])
        return [*news, *gone, *(name for name in numbers if name not in set(news))]


async def _bounded(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Read the body. Raises ValueError when it is longer than `most`."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most:
            raise ValueError(f"the answer has more than {most} bytes")
    return bytes(body)
