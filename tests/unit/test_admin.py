"""What either plane tells operators of itself."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

from tidegate.admin import AdminServer


class Measured:
    """Numbers that say in which threads they were read and written."""

    def metrics(self) -> Callable[[], bytes]:
        reader = threading.get_ident()
        return lambda: b"same_thread %d" % (threading.get_ident() == reader)


@pytest.fixture
def problems() -> list[str]:
    return []


@pytest.fixture
async def client(problems: list[str]) -> AsyncIterator[aiohttp.ClientSession]:
    server = AdminServer(Measured())
    server.add_probe("/readyz", lambda: problems)
    await server.start("127.0.0.1", 0)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
            yield session
    finally:
        await server.close()


async def test_a_probe_is_told_each_problem_in_a_line(
    client: aiohttp.ClientSession, problems: list[str]
) -> None:
    async with client.get("/readyz") as answer:
        assert (answer.status, await answer.text()) == (200, "ok")
    problems += ["no functions are known", "no Lease is held"]
    async with client.get("/readyz") as answer:
        assert answer.status == 503
        assert await answer.text() == "no functions are known\nno Lease is held"


async def test_the_text_of_metrics_is_made_beside_the_event_loop(
    client: aiohttp.ClientSession,
) -> None:
    async with client.get("/metrics") as answer:
        assert answer.headers["content-type"] == "text/plain; version=0.0.4"
        assert await answer.read() == b"same_thread 0"


async def test_a_port_that_is_taken_is_told_and_nothing_stays_open(
    client: aiohttp.ClientSession,
) -> None:
    async with client.get("/readyz") as answer:
        taken = answer.url.port
    second = AdminServer(Measured())
    with pytest.raises(OSError, match=str(taken)):
        await second.start("127.0.0.1", taken or 0)
    await second.close()
