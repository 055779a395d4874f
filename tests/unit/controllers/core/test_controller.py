import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from controllers.core.controller import Controller
from controllers.core.reconciler import Result, TerminalError
from controllers.core.workqueue import RequeueDelays, WorkQueue
from tests.support.waiting import until
from tidegate.kube.errors import Conflict, TooManyRequests, Unavailable
from tidegate.kube.objects import ObjectKey

pytestmark = pytest.mark.looptime

A, B = ObjectKey("ns", "a"), ObjectKey("ns", "b")


class Scripted:
    """A reconciler that does for each key what its script says, then succeeds."""

    def __init__(self, script: dict[ObjectKey, list[Callable[[], object]]] | None = None) -> None:
        self.script = script or {}
        self.calls: list[tuple[ObjectKey, float]] = []
        self.working: set[ObjectKey] = set()
        self.most_at_once = 0

    async def reconcile(self, key: ObjectKey) -> Result:
        assert key not in self.working
        self.working.add(key)
        self.most_at_once = max(self.most_at_once, len(self.working))
        self.calls.append((key, asyncio.get_running_loop().time()))
        try:
            await asyncio.sleep(0.1)
            if steps := self.script.get(key):
                answer = steps.pop(0)()
                if asyncio.iscoroutine(answer):
                    answer = await answer
                return answer if isinstance(answer, Result) else Result()
            return Result()
        finally:
            self.working.discard(key)

    def times(self, key: ObjectKey) -> list[float]:
        first = self.calls[0][1] if self.calls else 0
        return [at - first for one, at in self.calls if one == key]


def failing(error: Exception) -> Callable[[], object]:
    def fail() -> object:
        raise error

    return fail


@asynccontextmanager
async def running(reconciler: Scripted, **options: float) -> AsyncIterator[Controller]:
    queue = WorkQueue(RequeueDelays(first=1.0, longest=8.0, jitter=0.0))
    controller = Controller("functions", reconciler, queue, **options)  # type: ignore[arg-type]
    task = asyncio.create_task(controller.run())
    try:
        yield controller
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


async def test_an_object_that_fails_is_tried_for_ever_and_delays_no_other(caplog) -> None:
    reconciler = Scripted({A: [failing(ValueError("no")) for _ in range(6)]})
    async with running(reconciler) as controller:
        controller.queue.add(A)
        controller.queue.add(B)
        await until(lambda: len(reconciler.times(A)) == 7, 60)
        await until(lambda: controller.counts.outcomes["success"] == 2)
    waits = [
        b - a - 0.1 for a, b in zip(reconciler.times(A), reconciler.times(A)[1:], strict=False)
    ]
    assert waits == pytest.approx([1, 2, 4, 8, 8, 8], abs=0.05)
    assert reconciler.times(B)[0] < 0.2
    assert controller.counts.outcomes["error"] == 6
    assert caplog.text.count("Traceback") == 1


async def test_what_only_a_change_can_mend_is_said_once_and_left(caplog) -> None:
    reconciler = Scripted({A: [failing(TerminalError("write spec.handler as module.function"))]})
    async with running(reconciler) as controller:
        controller.queue.add(A)
        await asyncio.sleep(600)
        assert len(reconciler.calls) == 1
        assert "functions ns/a: write spec.handler as module.function" in caplog.text
        controller.queue.add(A)
        await until(lambda: controller.counts.outcomes["success"] == 1)


async def test_another_look_is_taken_when_it_was_asked_for() -> None:
    reconciler = Scripted({A: [lambda: Result(after=30)]})
    async with running(reconciler) as controller:
        controller.queue.add(A)
        await until(lambda: len(reconciler.calls) == 2, 60)
        await asyncio.sleep(600)
    assert reconciler.times(A) == pytest.approx([0, 30.1], abs=0.05)


async def test_a_conflict_is_no_news(caplog) -> None:
    reconciler = Scripted({A: [failing(Conflict("changed"))]})
    with caplog.at_level(logging.INFO):
        async with running(reconciler) as controller:
            controller.queue.add(A)
            await until(lambda: controller.counts.outcomes["success"] == 1)
    assert (controller.counts.outcomes["conflict"], caplog.text) == (1, "")


async def test_an_api_server_that_asks_for_time_gets_it() -> None:
    reconciler = Scripted({A: [failing(TooManyRequests("slow down", retry_after=20))]})
    async with running(reconciler) as controller:
        controller.queue.add(A)
        await until(lambda: len(reconciler.calls) == 2, 60)
    assert reconciler.times(A)[1] == pytest.approx(20.1, abs=0.05)


async def test_an_api_server_that_is_away_is_told_without_a_traceback(caplog) -> None:
    reconciler = Scripted({A: [failing(Unavailable("get pods: no answer"))]})
    async with running(reconciler) as controller:
        controller.queue.add(A)
        await until(lambda: controller.counts.outcomes["success"] == 1)
    assert "functions ns/a: get pods: no answer; trying again in 1.0 s" in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_reconciliation_that_hangs_is_ended_and_tried_again(caplog) -> None:
    reconciler = Scripted({A: [lambda: asyncio.sleep(1e6)]})
    async with running(reconciler, deadline=5.0) as controller:
        controller.queue.add(A)
        await until(lambda: controller.counts.outcomes["success"] == 1, 60)
    assert "no end within 5 s" in caplog.text


async def test_as_many_objects_are_worked_on_at_once_as_there_are_workers() -> None:
    reconciler = Scripted()
    async with running(reconciler, workers=3) as controller:
        for number in range(20):
            controller.queue.add(ObjectKey("ns", str(number)))
        await until(lambda: controller.counts.outcomes["success"] == 20)
    assert reconciler.most_at_once == 3


async def test_a_thousand_objects_do_not_storm_an_api_server_that_is_away() -> None:
    keys = [ObjectKey("ns", str(number)) for number in range(1000)]
    away = [failing(Unavailable("patch services: no answer"))] * 1000
    reconciler = Scripted({key: list(away) for key in keys})
    async with running(reconciler) as controller:
        for key in keys:
            controller.queue.add(key)
        await asyncio.sleep(600)
    a_second = controller.counts.outcomes["unavailable"] / 600
    assert a_second < 8


async def test_objects_that_are_never_taken_hardly_delay_the_others() -> None:
    away = [failing(Unavailable("patch services: no address is left"))] * 1000
    broken = [ObjectKey("ns", f"broken-{number}") for number in range(20)]
    reconciler = Scripted({key: list(away) for key in broken})
    async with running(reconciler) as controller:
        for key in broken:
            controller.queue.add(key)
        await asyncio.sleep(60)
        before = asyncio.get_running_loop().time()
        controller.queue.add(A)
        await until(lambda: controller.counts.outcomes["success"] == 1)
    assert asyncio.get_running_loop().time() - before < 5
