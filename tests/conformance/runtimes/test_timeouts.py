"""A call's time: what runs too long is really stopped, and nothing else is."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conformance.runtimes.lanes import Lane
from tests.conformance.runtimes.launcher import (
    Launcher,
    Running,
    encode,
    gone,
    read_answer,
    wait_until,
)

CALLS = 'function_calls_total{method="GET"}'
FAILURES = 'function_failures_total{method="GET"}'
BLOCK = pytest.param("block", marks=pytest.mark.needs("block"))
SWALLOW = pytest.param("swallow", marks=pytest.mark.needs("swallow"))
LONG = 15.0
"""Seconds: far beyond the timeout, and short of what the functions here would take."""


def cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def earlier(seconds: float) -> list[tuple[str, str]]:
    return [("x-tidegate-deadline", f"{time.time() + seconds:.6f}")]


@pytest.mark.parametrize("what", ["spin", "sleep", BLOCK, SWALLOW])
def test_a_call_that_runs_too_long_is_stopped(actor: Running, what: str) -> None:
    started = time.monotonic()
    answer = actor.act(what)
    assert answer.status == 408
    assert answer.body == b"the function took longer than its timeout\n"
    assert 0.5 <= time.monotonic() - started < LONG
    actor.counted()
    assert actor.metric(CALLS) - actor.metric(FAILURES) == 1


@pytest.mark.needs("state")
@pytest.mark.parametrize("what", [BLOCK, SWALLOW])
def test_what_no_signal_stops_is_killed(actor: Running, what: str) -> None:
    worker = actor.act("count").json()["pid"]
    assert actor.act(what).status == 408
    wait_until(lambda: gone(worker))
    assert actor.counted()["pid"] != worker


@pytest.mark.needs("state")
@pytest.mark.needs("unwind")
@pytest.mark.parametrize("what", ["spin", "sleep"])
def test_a_stopped_call_leaves_its_modules_state(actor: Running, what: str) -> None:
    before = actor.act("count").json()
    actor.act(what)
    after = actor.act("count").json()
    assert after == {"count": before["count"] + 1, "pid": before["pid"]}
    ticks = cpu_ticks(after["pid"])
    threading.Event().wait(0.2)  # long enough for a loop that still ran to show
    assert cpu_ticks(after["pid"]) - ticks <= 2


@pytest.mark.needs("unwind")
def test_a_stopped_call_runs_its_finally_blocks(actor: Running, tmp_path: Path) -> None:
    assert actor.act("nap", file=tmp_path / "nap", seconds=60).status == 408
    wait_until((tmp_path / "nap.unwound").exists)


@pytest.mark.parametrize("what", ["spin", BLOCK, SWALLOW])
def test_other_calls_survive_a_stopped_one(launcher: Launcher, tmp_path: Path, what: str) -> None:
    with launcher.running("act") as server, ThreadPoolExecutor(1) as pool:
        bad = server.connect()
        bad.sendall(encode(f"/?do={what}", "GET", earlier(0.6), b""))
        server.call("/healthz")  # what came before has been read: it need not wait for a worker
        other = pool.submit(server.act, "nap", file=tmp_path / "nap", seconds=0.9)
        wait_until((tmp_path / "nap").exists)
        assert read_answer(bad).status == 408
        assert other.result().body == b"awake"


@pytest.mark.needs("async")
def test_an_async_call_that_hangs_is_stopped_and_others_go_on(launcher: Launcher) -> None:
    with launcher.running("act_async") as server, ThreadPoolExecutor(2) as pool:
        pid = server.act("count").json()["pid"]
        hanging = pool.submit(server.call, "/?do=hang", headers=earlier(0.4))
        sleeping = pool.submit(server.act, "sleep", seconds=0.9)
        assert hanging.result().status == 408
        assert sleeping.result().body == b"slept"
        assert server.act("count").json() == {"count": 2, "pid": pid}


@pytest.mark.needs("async")
@pytest.mark.parametrize("what", ["swallow", "spin"])
def test_an_async_call_that_does_not_end_costs_its_worker(async_actor: Running, what: str) -> None:
    worker = async_actor.act("count").json()["pid"]
    assert async_actor.act(what).status == 408
    wait_until(lambda: gone(worker))
    wait_until(lambda: async_actor.act("count").status == 200)
    assert async_actor.act("count").json()["pid"] != worker


def test_the_callers_deadline_shortens_the_timeout(launcher: Launcher) -> None:
    with launcher.running("act", FUNC_TIMEOUT="30") as server:
        started = time.monotonic()
        assert server.call("/?do=sleep", headers=earlier(0.2)).status == 408
        assert time.monotonic() - started < LONG


def test_the_callers_deadline_does_not_lengthen_the_timeout(actor: Running) -> None:
    started = time.monotonic()
    assert actor.call("/?do=sleep", headers=earlier(60)).status == 408
    assert time.monotonic() - started < LONG


@pytest.mark.parametrize("text", ["soon", "nan", "inf", ""])
def test_a_deadline_that_is_no_number_is_ignored(actor: Running, text: str) -> None:
    assert actor.call("/?do=count", headers=[("x-tidegate-deadline", text)]).status == 200


def test_a_call_that_comes_too_late_does_not_run(actor: Running) -> None:
    assert actor.call("/?do=count", headers=earlier(-1)).status == 503
    assert actor.act("count").json()["count"] == 1


def test_the_context_tells_timeout_and_deadline(launcher: Launcher, lane: Lane) -> None:
    env = {
        "FUNC_RUNTIME": "python3.11",
        "FUNC_MEMORY_LIMIT": "128Mi",
        "FUNC_NAME": "ctx",
        "FUNC_NAMESPACE": "space",
    }
    with launcher.running("context", FUNC_TIMEOUT="12.5", **env) as server:
        context = server.call().json()
        assert time.time() < context.pop("deadline") < time.time() + 12.5
        assert context == {
            "function-name": lane.entry("context"),
            "timeout": 12.5,
            "runtime": "python3.11",
            "memory-limit": "128Mi",
            "name": "ctx",
            "namespace": "space",
        }


def test_the_log_says_which_call_was_stopped(actor: Running) -> None:
    actor.act("spin", secret="hidden")
    wait_until(lambda: "actor: GET /: stopped after 0.5" in actor.stderr)
    assert "hidden" not in actor.stderr
