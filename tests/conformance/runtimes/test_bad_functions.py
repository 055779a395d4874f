"""Bad functions under load: every call ends as promised, and the neighbours do not notice."""

from __future__ import annotations

import http.client
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

import pytest

from tests.conformance.runtimes.lanes import Lane
from tests.conformance.runtimes.launcher import (
    DEADLINE,
    Answer,
    Launcher,
    Running,
    encode,
    exchange,
    gone,
    wait_until,
)
from tests.conformance.runtimes.memory import limited

ROUNDS = 2
BURST = 200
PRINTED = 20_000 * 1000
"""Bytes of one call that chatters."""

FAILURES = 'function_failures_total{method="GET"}'
LIMIT = 192 * 1024 * 1024
PATIENCE = 60.0
"""Seconds for the kernel to run out of memory, on a machine that is busy."""
GIGABYTE = 1_000_000_000
BROKEN_OFF = 0
BAD = {
    "fail": {500},
    "spin": {408},
    "sleep": {408},
    "swallow": {408},
    "die": {500},
    "broken": {BROKEN_OFF},
    "chatter": {200, 408},  # on a busy machine it may take longer than it has
}


def ended(server: Running, what: str) -> int:
    """The status of a call, or BROKEN_OFF when its answer was cut short."""
    try:
        return server.act(what).status
    except http.client.IncompleteRead:
        return BROKEN_OFF


def patiently(server: Running, what: str) -> Answer:
    """What is answered, however long it takes."""
    connection = server.connect()
    connection.settimeout(PATIENCE)
    return exchange(connection, encode(f"/?do={what}", "GET", [], b""))


@contextmanager
def called(server: Running) -> Iterator[list[tuple[int, bytes]]]:
    """Good calls without a pause for the length of the block; yields what else they got."""
    refused: list[tuple[int, bytes]] = []
    over = Event()
    connection, good = server.connect(), encode("/?do=count", "GET", [], b"")
    connection.settimeout(PATIENCE)

    def call() -> None:
        while not over.is_set():
            answer = exchange(connection, good)
            if answer.status != 200:
                refused.append((answer.status, answer.body))

    with ThreadPoolExecutor(1) as pool:
        calling = pool.submit(call)
        try:
            yield refused
        finally:
            over.set()
            calling.result(DEADLINE)


def test_bad_calls_end_as_promised_and_neighbours_do_not_notice(
    launcher: Launcher, lane: Lane
) -> None:
    bad = sorted(BAD.keys() - lane.cannot - ({"chatter"} if "print" in lane.cannot else set()))
    env = {"FUNC_TIMEOUT": "2", "FUNC_CONCURRENCY": "20"}
    with (
        launcher.running("act", **env) as server,
        called_beside(launcher) as refused,
        ThreadPoolExecutor(len(bad)) as pool,
    ):
        for _ in range(ROUNDS):
            calls = {what: pool.submit(ended, server, what) for what in bad}
            for what, call in calls.items():
                # Calls that share a process share its end.
                allowed = BAD[what] | {500, BROKEN_OFF}
                assert (what, call.result(DEADLINE)) in {(what, status) for status in allowed}
            wait_until(lambda: server.act("count").status == 200, server.process)
        failures = server.metric(FAILURES)
        assert failures >= ROUNDS * (len(bad) - 1)
    assert refused == []


def test_many_bad_calls_leave_a_good_server(launcher: Launcher) -> None:
    with launcher.running("act") as server, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: server.act("fail").status, range(BURST)))
        assert set(answers) == {500}
        assert server.metric(FAILURES) == BURST
        assert server.act("count").status == 200


def test_a_call_that_is_killed_for_its_memory_fails_alone(launcher: Launcher) -> None:
    with (
        limited(LIMIT) as limit,
        called_beside(launcher) as refused,
        launcher.running("act", FUNC_TIMEOUT="120") as server,
    ):
        limit.take(server)
        for _ in range(2):
            failed = server.metric(FAILURES)
            assert patiently(server, "leak").status == 500
            assert server.metric(FAILURES) == failed + 1
            wait_until(lambda: patiently(server, "count").status == 200, server.process)
    assert refused == []


@pytest.mark.needs("state")
def test_programs_that_a_function_leaves_alone_end_with_its_worker(launcher: Launcher) -> None:
    with called_beside(launcher) as refused, launcher.running("act") as server:
        left = server.act("litter").json()
        assert server.act("count").status == 200
        assert [pid for pid in left if gone(pid)] == []
        assert server.act("die").status == 500
        wait_until(lambda: all(gone(pid) for pid in left))
        assert server.counted()["count"] == 1
    assert refused == []


def test_programs_that_a_function_leaves_alone_end_with_its_server(launcher: Launcher) -> None:
    with launcher.running("act") as server:
        left = server.act("litter").json()
        server.terminate()
        assert server.process.wait(DEADLINE) == 0
        wait_until(lambda: all(gone(pid) for pid in left))


@pytest.mark.slow
@pytest.mark.needs("print")
@pytest.mark.timeout(300)
def test_a_gigabyte_of_prints_fills_no_memory(launcher: Launcher) -> None:
    with launcher.running("act", FUNC_TIMEOUT="60") as server, called_beside(launcher) as refused:
        grown = resident(server)
        for _ in range(GIGABYTE // PRINTED):
            assert server.act("chatter").body == b"said"
            (server.folder / "stdout").write_bytes(b"")
        assert resident(server) - grown < 64 * 1024 * 1024
        assert server.metric(FAILURES) == 0
    assert refused == []


@contextmanager
def called_beside(launcher: Launcher) -> Iterator[list[tuple[int, bytes]]]:
    """Good calls to another server of the lane; yields what else than an answer they got."""
    with launcher.running("act") as neighbour, called(neighbour) as refused:
        yield refused


def resident(server: Running) -> int:
    """Bytes of memory of a server's processes."""
    pages = 0
    for pid in (server.process.pid, *server.descendants()):
        with suppress(FileNotFoundError, ProcessLookupError):
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()
