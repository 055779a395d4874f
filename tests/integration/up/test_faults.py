"""What breaks while events flow: nothing that was acknowledged is lost, and the log says why."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import nats
import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError

from tests.fakes.nats_server import NatsServer
from tests.integration.up.manifests import function, route, stream
from tests.integration.up.running import Up, running

KEEP = """\
import os

def main(event, context):
    with open({file!r}, "a") as kept:  # one write of a short line is whole or not there
        kept.write(event["data"].decode() + "\\n")
    return {answer!r}
"""


def keeping(folder: Path, answer: str = "ok", pause: float = 0.0) -> str:
    """Return a function that notes every event in a file."""
    code = KEEP.format(file=str(folder / "kept"), answer=answer)
    return function(code.replace("    with", f"    __import__('time').sleep({pause})\n    with"))


def kept(folder: Path) -> list[str]:
    """Return what the function noted."""
    path = folder / "kept"
    return path.read_text().split() if path.exists() else []


class Publisher:
    """Publishes numbered messages until told to stop, and knows which were acknowledged."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.acknowledged: list[str] = []
        self.refused = 0
        self.stopping = False

    async def run(self) -> None:
        """Publish until told to stop; what is not acknowledged is not tried again."""
        number = 0
        while not self.stopping:
            number += 1
            try:
                await self._client.jetstream().publish("orders.new", b"%d" % number, timeout=0.5)
            except (NatsError, OSError):
                self.refused += 1
            else:
                self.acknowledged.append(str(number))
            await asyncio.sleep(0.002)  # the pace of the load


@asynccontextmanager
async def publishing(url: str) -> AsyncIterator[Publisher]:
    """Publish for the length of a block."""
    client = await nats.connect(
        url, reconnect_time_wait=0.1, max_reconnect_attempts=-1, error_cb=ignore
    )
    publisher = Publisher(client)
    task = asyncio.create_task(publisher.run())
    try:
        yield publisher
    finally:
        publisher.stopping = True  # the client may swallow a cancellation
        await asyncio.wait([task], timeout=10)
        await client.close()


async def ignore(_: Exception) -> None:
    """A client that reconnects need not say so."""


class Callers:
    """Calls over HTTP, several at once, without end."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.answers: list[tuple[int, str]] = []

    async def run(self, session: aiohttp.ClientSession) -> None:
        """Call again and again, each with a number of its own."""
        while True:
            try:
                async with session.post(self._url, data=b"call") as answer:
                    self.answers.append((answer.status, await answer.text()))
            except aiohttp.ClientError as error:
                self.answers.append((599, repr(error)))
            await asyncio.sleep(0.002)  # the pace of the load

    @property
    def failed(self) -> list[tuple[int, str]]:
        """The answers that are no success."""
        return [answer for answer in self.answers if answer[0] != 200]


@asynccontextmanager
async def calling(url: str, count: int = 4) -> AsyncIterator[Callers]:
    """Call for the length of a block; calls under way at its end are finished."""
    callers = Callers(url)
    async with aiohttp.ClientSession() as session:
        tasks = [asyncio.create_task(callers.run(session)) for _ in range(count)]
        try:
            yield callers
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def until(happened: Callable[[], object], up: Up) -> None:
    """Wait for something in this process."""
    await up.until(happened)


async def all_settled(up: Up, publisher: Publisher) -> dict[str, object]:
    """Wait until every acknowledged message was delivered, and return the trigger's row."""
    wanted = set(publisher.acknowledged)
    await until(lambda: wanted <= set(kept(up.folder)), up)
    row = await up.counts("orders", inFlight=0, parked=0)
    assert row["drift"] == 0
    return row


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[Up]:
    """Run a function that keeps what it gets from a stream and over HTTP."""
    (tmp_path / "all.yaml").write_text(keeping(tmp_path) + route() + stream())
    async with running(tmp_path) as one:
        await one.says("creating consumer")
        await one.says("default/hello: takes calls")
        yield one


async def pid_of(up: Up) -> int:
    """Return the process of the function, once it takes calls."""
    async with asyncio.timeout(20):
        while True:
            (row,) = await up.control("/functions")
            if row["ready"] and row["pids"]:
                return int(row["pids"][0])
            await asyncio.sleep(0.02)  # nothing outside of it tells when


async def test_a_function_killed_in_mid_request_loses_no_message(up: Up) -> None:
    (up.folder / "all.yaml").write_text(keeping(up.folder, pause=0.02) + route() + stream())
    await up.says("the changed version takes the calls now")
    async with publishing(up.contact["nats"]) as publisher:
        for _ in range(2):
            some = len(publisher.acknowledged) + 50
            await until(lambda some=some: len(publisher.acknowledged) > some, up)  # type: ignore[misc]  # bound now
            pid = await pid_of(up)
            row = await up.trigger("orders")
            assert row["inFlight"], "the load is too light to interrupt anything"
            os.kill(pid, signal.SIGKILL)
            await up.counts("orders", parked=0)
            await until(lambda row=row: len(kept(up.folder)) > row["delivered"], up)  # type: ignore[misc]  # bound now
    await all_settled(up, publisher)
    assert len(publisher.acknowledged) > 100
    assert "default/hello[0]: the process was ended by SIGKILL; starting again in" in up.log


async def test_a_killed_function_fails_only_the_calls_that_it_had(up: Up) -> None:
    async with calling(up.url) as callers:
        await until(lambda: len(callers.answers) > 50, up)
        os.kill(await pid_of(up), signal.SIGKILL)
        before = len(callers.answers)
        await until(lambda: len(callers.answers) > before + 200 and not recent(callers), up)
    assert {status for status, _ in callers.failed} <= {502, 503}
    assert (await up.counts("web", inFlight=0))["drift"] == 0


def recent(callers: Callers) -> list[tuple[int, str]]:
    """Return the failures among the last calls."""
    return [answer for answer in callers.answers[-50:] if answer[0] != 200]


async def test_a_changed_function_fails_no_call_and_loses_no_message(up: Up) -> None:
    async with calling(up.url) as callers, publishing(up.contact["nats"]) as publisher:
        for version in ("second", "third"):
            await until(lambda: len(callers.answers) > 50, up)
            text = keeping(up.folder, answer=version) + route() + stream()
            (up.folder / "all.yaml").write_text(text)
            await until(lambda v=version: callers.answers[-1] == (200, v), up)  # type: ignore[misc]  # bound now
    assert callers.failed == []
    await all_settled(up, publisher)
    assert up.log.count("the changed version takes the calls now") == 2
    assert (await up.counts("web", inFlight=0))["drift"] == 0


async def test_an_own_broker_that_dies_comes_back_with_what_it_stored(up: Up) -> None:
    (up.folder / "all.yaml").write_text(keeping(up.folder, pause=0.2) + route() + stream())
    await up.says("the changed version takes the calls now")
    async with publishing(up.contact["nats"]) as publisher:
        await until(lambda: len(publisher.acknowledged) > 100, up)
        pid = (await up.control("/state"))["nats"]["pid"]
        assert len(kept(up.folder)) < len(publisher.acknowledged), "nothing waits in the store"
        os.kill(pid, signal.SIGKILL)
        await up.says("NATS: the process was ended by SIGKILL; starting it again in 0.2 s")
        await up.says("NATS: is back on port")
        some = len(publisher.acknowledged)
        await until(lambda: len(publisher.acknowledged) > some, up)
    await all_settled(up, publisher)


async def survives_without_broker(folder: Path, pause: float) -> None:
    async with NatsServer(folder / "broker") as server:
        text = keeping(folder) + route() + stream()
        (folder / "all.yaml").write_text(text)
        async with running(folder, "--nats", server.url) as up:
            await up.says("creating consumer")
            await up.says("default/hello: takes calls")
            async with publishing(server.url) as publisher:
                await until(lambda: len(publisher.acknowledged) > 50, up)
                await server.restart(pause)
                some = len(publisher.acknowledged)
                await until(lambda: len(publisher.acknowledged) > some + 50, up)
            row = await all_settled(up, publisher)
            assert publisher.refused
            assert row["state"] == "Running"
            assert "default/NATSTrigger/orders" in up.log or "NATSTrigger default/orders" in up.log


async def test_a_broker_that_is_away_for_3_seconds_costs_no_message(tmp_path: Path) -> None:
    await survives_without_broker(tmp_path, 3)


@pytest.mark.slow
async def test_a_broker_that_is_away_for_10_seconds_costs_no_message(tmp_path: Path) -> None:
    await survives_without_broker(tmp_path, 10)


async def test_a_broker_that_stands_still_for_3_seconds_costs_no_message(up: Up) -> None:
    async with publishing(up.contact["nats"]) as publisher:
        await until(lambda: len(publisher.acknowledged) > 50, up)
        pid = (await up.control("/state"))["nats"]["pid"]
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(3)  # the fault itself
        finally:
            os.kill(pid, signal.SIGCONT)
        some = len(publisher.acknowledged)
        await until(lambda: len(publisher.acknowledged) > some + 50, up)
    await all_settled(up, publisher)


async def test_a_killed_up_delivers_after_its_return_what_it_had_not_finished(
    tmp_path: Path,
) -> None:
    (tmp_path / "all.yaml").write_text(keeping(tmp_path, pause=0.1) + stream())
    async with running(tmp_path) as first:
        await first.says("creating consumer")
        await first.says("default/hello: takes calls")
        async with publishing(first.contact["nats"]) as publisher:
            await until(lambda: len(publisher.acknowledged) > 100, first)
        unfinished = set(publisher.acknowledged) - set(kept(tmp_path))
        assert unfinished, "the load is too light to leave anything undone"
        first.process.kill()
        await first.process.wait()
    async with running(tmp_path) as second:
        row = await all_settled(second, publisher)
        assert row["state"] == "Running"
