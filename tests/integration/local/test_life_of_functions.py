"""The life of a function's processes, with real processes and the real Python server."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from controllers.desired.code import Code
from controllers.desired.local import Reference, Variable
from controllers.local.functions import UnknownFunction
from controllers.local.settings import LocalSettings
from controllers.local.status import State
from tests.support.laptop import KEY, Laptop, alive, function, running
from tests.support.waiting import until

STAND_IN = Path(__file__).with_name("stand_in.py")


async def test_a_wanted_function_answers_calls(laptop: Laptop) -> None:
    laptop.functions.want([function()])
    await laptop.ready()
    assert await laptop.call() == "hello"
    status = laptop.status()
    assert (status.state, status.ready, status.total, status.reason) == (State.READY, 1, 1, "")
    assert alive(status.pids[0])


async def test_a_change_under_load_fails_no_request(laptop: Laptop) -> None:
    laptop.functions.want([function("return '0'")])
    addresses = await laptop.ready()
    answers: list[str] = []
    calling = [asyncio.create_task(call_forever(laptop, answers)) for _ in range(4)]
    for version in "123":
        laptop.functions.want([function(f"return '{version}'")])
        addresses = await laptop.changed(addresses)
    assert await laptop.call() == "3"
    for task in calling:
        task.cancel()
    await asyncio.wait(calling)
    assert all(task.cancelled() for task in calling), "a call failed"
    assert set(answers) >= {"0", "1", "2"}


async def call_forever(laptop: Laptop, answers: list[str]) -> None:
    while True:
        answers.append(await laptop.call())


async def test_a_call_in_flight_is_finished_by_the_version_that_took_it(laptop: Laptop) -> None:
    slow = "import time; print('took it', flush=True); time.sleep(1); return 'old'"
    laptop.functions.want([function(slow)])
    old = await laptop.ready()
    (pid,) = laptop.status().pids
    call = asyncio.create_task(laptop.call())
    await laptop.until(lambda: laptop.printed("took it"))
    laptop.functions.want([function("return 'new'")])
    await laptop.changed(old)
    assert not call.done()
    assert await laptop.call() == "new"
    assert await call == "old"
    await gone(pid)


async def gone(pid: int) -> None:
    """Wait for the exit of a drained process, of which nothing is announced."""
    await until(lambda: not alive(pid), timeout=10)


async def test_a_broken_change_leaves_the_version_before_it_serving(laptop: Laptop) -> None:
    laptop.functions.want([function()])
    before = await laptop.ready()
    laptop.functions.want([function("return (")])
    await laptop.until(lambda: "goes on taking calls" in laptop.status().reason)
    status = laptop.status()
    assert (status.state, status.ready) == (State.DEGRADED, 1)
    assert "SyntaxError" in status.reason or "syntax" in status.reason
    assert laptop.endpoints[KEY] == before
    assert await laptop.call() == "hello"


async def test_a_broken_change_that_is_taken_back_starts_nothing_anew(laptop: Laptop) -> None:
    laptop.functions.want([function()])
    before = await laptop.ready()
    laptop.functions.want([function("return (")])
    await laptop.until(lambda: laptop.status().state is State.DEGRADED)
    laptop.functions.want([function()])
    await until(lambda: laptop.status().state is State.READY, timeout=10)
    assert laptop.endpoints[KEY] == before
    assert laptop.history == [before]


async def test_a_killed_process_is_withdrawn_and_started_again(laptop: Laptop) -> None:
    laptop.functions.want([function()])
    before = await laptop.ready()
    os.kill(laptop.status().pids[0], signal.SIGKILL)
    await laptop.ready(0)
    await laptop.until(lambda: "SIGKILL" in laptop.status().reason)
    after = await laptop.ready()
    assert after != before
    assert await laptop.call() == "hello"
    assert laptop.status().restarts == 1


async def test_a_function_that_cannot_start_says_why_ever_more_slowly(laptop: Laptop) -> None:
    laptop.functions.want([replace(function(), handler="hello.nothing")])
    await laptop.until(lambda: laptop.printed("in 0.4 s"))
    notes = [line.text for line in laptop.lines if line.stream == "tidegate"]
    assert [note.rpartition(" in ")[2] for note in notes] == ["0.1 s", "0.2 s", "0.4 s"]
    status = laptop.status()
    assert status.state is State.FAILING
    assert "exited with code 3" in status.reason
    assert "nothing" in status.reason
    assert laptop.history == []


async def test_a_removed_function_is_withdrawn_first_and_then_drained(laptop: Laptop) -> None:
    slow = "import time; print('took it', flush=True); time.sleep(1.5); return 'done'"
    laptop.functions.want([function(slow)])
    await laptop.ready()
    (pid,) = laptop.status().pids
    call = asyncio.create_task(laptop.call())
    await laptop.until(lambda: laptop.printed("took it"))
    laptop.functions.want([])
    await laptop.ready(0)
    assert laptop.functions.status() == []
    assert await call == "done"
    await gone(pid)


async def test_every_replica_takes_calls_and_a_dead_one_is_replaced(laptop: Laptop) -> None:
    laptop.functions.want([replace(function(), replicas=2)])
    before = await laptop.ready(2)
    assert [await laptop.call(address) for address in before] == ["hello", "hello"]
    os.kill(laptop.status().pids[0], signal.SIGKILL)
    await laptop.ready(1)
    assert await laptop.call() == "hello"
    after = await laptop.ready(2)
    assert len(set(after) & set(before)) == 1


async def test_of_many_changes_only_the_last_is_carried_through(laptop: Laptop) -> None:
    laptop.functions.want([function("return 'first'")])
    await laptop.ready()
    for number in range(20):
        laptop.functions.want([function(f"return '{number}'")])
        await asyncio.sleep(0)
    await laptop.changed(laptop.history[0])
    assert await laptop.call() == "19"
    assert len(laptop.history) == 2


async def test_asking_again_does_not_disturb_what_is_on_its_way(laptop: Laptop) -> None:
    laptop.functions.want([function("return 'old'")])
    before = await laptop.ready()
    text = "import time\nprint('importing', flush=True)\ntime.sleep(0.5)\n"
    wanted = function(code=Code(text + "def main(event, context):\n    return 'new'\n"))
    laptop.functions.want([wanted])
    await laptop.until(lambda: laptop.printed("importing"))
    laptop.functions.want([wanted])
    await laptop.changed(before)
    assert sum(line.text == "importing" for line in laptop.lines) == 1


async def test_a_secret_reaches_the_function_and_our_own_environment_does_not(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOT_FOR_FUNCTIONS", "private")
    token = Variable("TOKEN", Reference("Secret", "access", "token"))
    body = "import os; return os.environ['TOKEN'] + os.environ.get('NOT_FOR_FUNCTIONS', '')"
    wanted = function(body, env=(token,))
    laptop.functions.want([wanted])
    await laptop.until(lambda: laptop.printed("needs Secret default/access"))
    assert laptop.status().state is State.FAILING
    laptop.entries["Secret", "default", "access"] = {"token": b"sesame"}
    laptop.functions.want([wanted])
    before = await laptop.ready()
    assert await laptop.call() == "sesame"
    laptop.entries["Secret", "default", "access"] = {"token": b"changed"}
    laptop.functions.want([wanted])
    await laptop.changed(before)
    assert await laptop.call() == "changed"


async def test_one_broken_function_does_not_hurt_another(laptop: Laptop) -> None:
    broken = replace(function(), name="broken", handler="no-dot")
    strange = replace(function(), name="strange", runtime="cobol85")
    laptop.functions.want([broken, strange, function()])
    await laptop.ready()
    await laptop.until(lambda: laptop.status(("default", "strange")).reason)
    assert "cobol85" in laptop.status(("default", "strange")).reason
    assert "module.function" in laptop.status(("default", "broken")).reason
    assert await laptop.call() == "hello"


async def test_a_stop_finishes_the_call_in_flight_and_leaves_no_process(laptop: Laptop) -> None:
    slow = "import time; print('took it', flush=True); time.sleep(1.5); return 'done'"
    laptop.functions.want([function(slow), replace(function(), name="other")])
    await laptop.ready()
    await laptop.ready(key=("default", "other"))
    pids = [pid for status in laptop.functions.status() for pid in status.pids]
    call = asyncio.create_task(laptop.call())
    await laptop.until(lambda: laptop.printed("took it"))
    await laptop.stop()
    assert await call == "done"
    assert not any(alive(pid) for pid in pids)
    assert laptop.endpoints == {KEY: (), ("default", "other"): ()}


async def test_a_second_cancellation_does_not_wait_for_calls(laptop: Laptop) -> None:
    laptop.functions.want([function("import time; print('took it', flush=True); time.sleep(4)")])
    await laptop.ready()
    (pid,) = laptop.status().pids
    call = asyncio.create_task(laptop.call())
    await laptop.until(lambda: laptop.printed("took it"))
    laptop.task.cancel()
    await laptop.ready(0)
    laptop.task.cancel()
    async with asyncio.timeout(2):
        await asyncio.wait([laptop.task])
    assert not alive(pid)
    with pytest.raises(aiohttp.ClientError):
        await call


async def test_what_does_not_stop_in_time_is_killed(settings: LocalSettings) -> None:
    async with running(replace(settings, stop_timeout=0.3)) as laptop:
        laptop.functions.want([function("import time; print('took it'); time.sleep(4)")])
        await laptop.ready()
        (pid,) = laptop.status().pids
        call = asyncio.create_task(laptop.call())
        await laptop.until(lambda: laptop.printed("took it"))
        async with asyncio.timeout(2):
            await laptop.stop()
        assert not alive(pid)
        await asyncio.wait([call])
        assert isinstance(call.exception(), aiohttp.ClientError)


async def test_a_process_that_fails_its_health_probes_is_replaced(broken_laptop: Laptop) -> None:
    broken_laptop.functions.want([function("'sick'")])
    before = await broken_laptop.ready()
    await broken_laptop.until(lambda: broken_laptop.printed("3 health probes in a row"))
    assert await broken_laptop.changed(before)


async def test_a_process_that_never_gets_ready_is_given_up(settings: LocalSettings) -> None:
    impatient = replace(settings, process=replace(settings.process, start_timeout=0.5))

    async with running(impatient, STAND_IN) as laptop:
        laptop.functions.want([function("'never-ready'")])
        await laptop.until(lambda: laptop.printed("not ready after 0.5 s"))
        assert laptop.history == []


async def test_a_process_that_ignores_sigterm_is_killed_in_the_end(broken_laptop: Laptop) -> None:
    broken_laptop.functions.want([function("'stubborn'", timeout=0.2)])
    await broken_laptop.ready()
    (pid,) = broken_laptop.status().pids
    broken_laptop.functions.want([])
    await gone(pid)


async def test_logs_are_kept_and_followed_until_the_function_is_removed(laptop: Laptop) -> None:
    laptop.functions.want([function("print('called'); return ''")])
    await laptop.ready()
    following = asyncio.create_task(texts(laptop))
    await laptop.call()
    await laptop.until(lambda: laptop.printed("called"))
    assert laptop.functions.logs(KEY, 1)[0].text == "called"
    laptop.functions.want([])
    assert "called" in await following
    with pytest.raises(UnknownFunction, match="default/hello"):
        laptop.functions.logs(KEY, 1)


async def texts(laptop: Laptop) -> list[str]:
    return [line.text async for line in laptop.functions.follow(KEY)]


async def test_a_noisy_function_neither_blocks_nor_fills_us(laptop: Laptop) -> None:
    body = "import os; [os.write(1, b'y' * 99 + b'\\n' * 900) for _ in range(50000)]; return 'ok'"
    laptop.functions.want([function(body, timeout=20.0)])
    await laptop.ready()
    assert await laptop.call() == "ok"
    await laptop.until(lambda: laptop.printed("dropped"))
    assert len(laptop.lines) < 20_000
    assert len(laptop.functions.logs(KEY, 1_000_000)) <= 2_000
