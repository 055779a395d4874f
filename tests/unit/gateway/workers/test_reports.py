"""What a worker tells its parent."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator

import pytest

from gateway.core.progress import Progress, State
from gateway.workers import reports
from gateway.workers.messages import read_report
from gateway.workers.reports import ForwardedLog, Reports, replayed
from tests.support.events import subscription
from tidegate.api.subscription import Subscription


class Bench:
    """Reports, and the parent's end of the channel."""

    def __init__(self, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> None:
        self.running: list[tuple[Subscription, Progress]] = []
        self.log = ForwardedLog(asyncio.get_running_loop())
        self.reports = Reports(lambda: self.running, writer, self.log)
        self.reader = reader

    async def rows(self) -> list[tuple[str, int, bool, int]]:
        """Send a report and return its rows in short."""
        await self.reports.send()
        report = await read_report(self.reader)
        return [
            (row["id"], row["number"], row["ended"], row["tally"]["received"])
            for row in report["rows"]
        ]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """A channel in this process."""
    one, other = socket.socketpair()
    _, writer = await asyncio.open_unix_connection(sock=one)
    reader, back = await asyncio.open_unix_connection(sock=other)
    yield Bench(writer, reader)
    for each in (writer, back):
        each.close()
        await each.wait_closed()


async def test_only_what_has_changed_is_reported(bench: Bench) -> None:
    one, progress = subscription(), Progress(state=State.RUNNING)
    bench.running = [(one, progress)]
    assert await bench.rows() == [(one.id, 0, False, 0)]
    assert await bench.rows() == []
    progress.books.received = 3
    assert await bench.rows() == [(one.id, 0, False, 3)]


async def test_a_removed_subscription_is_reported_until_it_has_drained(bench: Bench) -> None:
    one, progress = subscription(), Progress(state=State.RUNNING)
    bench.running = [(one, progress)]
    await bench.rows()
    bench.running, progress.state = [], State.DRAINING
    progress.books.received = 1
    assert await bench.rows() == [(one.id, 0, False, 1)]
    progress.state = State.STOPPED
    assert await bench.rows() == [(one.id, 0, True, 1)]
    assert await bench.rows() == []


async def test_one_that_comes_back_later_has_another_number(bench: Bench) -> None:
    one = subscription()
    bench.running = [(one, Progress(state=State.STOPPED))]
    await bench.rows()
    bench.running = [(one, Progress())]
    assert sorted(await bench.rows()) == [(one.id, 0, True, 0), (one.id, 1, False, 0)]


async def test_the_log_goes_out_at_once_and_reads_as_it_was(
    bench: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "INTERVAL", 3600.0)
    running = asyncio.create_task(bench.reports.run())
    try:
        async with asyncio.timeout(10):
            await read_report(bench.reader)
            record = logging.makeLogRecord(
                {"name": "gateway.x", "levelno": logging.WARNING, "msg": "said %s", "args": ("it",)}
            )
            await asyncio.to_thread(bench.log.emit, record)
            report = await read_report(bench.reader)
    finally:
        running.cancel()
        await asyncio.wait([running])
    replayed(report["log"], "worker 1")
    assert caplog.record_tuples == [("gateway.x", logging.WARNING, "said it (worker 1)")]
    assert caplog.records[0].created == record.created


async def test_a_log_that_nobody_takes_is_bounded_and_says_so(bench: Bench) -> None:
    record = logging.makeLogRecord({"name": "gateway.x", "msg": "again"})
    for _ in range(reports.LINES + 5):
        bench.log.emit(record)
    taken = bench.log.taken()
    assert len(taken) == reports.LINES + 1
    assert taken[-1]["text"] == "5 lines were not shown: too many"
    assert bench.log.taken() == []
