import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.core.workqueue import RequeueDelays, WorkQueue
from tidegate.kube.objects import ObjectKey

pytestmark = pytest.mark.looptime

A, B = ObjectKey("ns", "a"), ObjectKey("ns", "b")
STEADY = RequeueDelays(first=1.0, longest=8.0, jitter=0.0)


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_a_key_that_is_added_often_is_worked_on_once() -> None:
    queue = WorkQueue()
    for key in (A, B, A, A):
        queue.add(key)
    assert [await queue.get(), await queue.get()] == [A, B]
    assert len(queue) == 0


async def test_a_key_that_changes_under_a_worker_comes_again_when_that_is_done() -> None:
    queue = WorkQueue()
    queue.add(A)
    assert await queue.get() == A
    queue.add(A)
    assert len(queue) == 0
    queue.done(A)
    assert await queue.get() == A


async def test_failures_wait_longer_each_time_and_a_success_forgets_them() -> None:
    queue = WorkQueue(STEADY)
    queue.add(A)
    began = now()
    waits = []
    for _ in range(5):
        assert await queue.get() == A
        waits.append(queue.failed(A))
    assert waits == [1, 2, 4, 8, 8]
    await queue.get()
    assert now() - began == pytest.approx(sum(waits))
    queue.done(A)
    queue.add(A)
    await queue.get()
    assert queue.failed(A) == 1
    queue.close()


async def test_a_server_that_asks_for_time_gets_it() -> None:
    queue = WorkQueue(STEADY)
    queue.add(A)
    await queue.get()
    assert queue.failed(A, at_least=30) == 30
    queue.close()


async def test_a_change_does_not_wait_for_the_delay_of_a_failure() -> None:
    queue = WorkQueue(STEADY)
    queue.add(A)
    await queue.get()
    queue.failed(A)
    queue.add(A)
    began = now()
    assert await queue.get() == A
    assert now() == began
    queue.done(A)
    await asyncio.sleep(60)
    assert len(queue) == 0


async def test_of_two_times_the_earlier_counts() -> None:
    queue = WorkQueue()
    queue.add_after(A, 5)
    queue.add_after(A, 50)
    queue.add_after(A, 2)
    began = now()
    assert await queue.get() == A
    assert now() - began == pytest.approx(2)
    queue.done(A)
    await asyncio.sleep(100)
    assert queue.idle


async def test_a_cancelled_wait_loses_no_key() -> None:
    queue = WorkQueue()
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add(A)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    assert await queue.get() == A


class Play:
    """Does steps on a queue, and knows which keys are owed work."""

    def __init__(self) -> None:
        self.queue = WorkQueue(RequeueDelays(first=0.0, longest=0.0, jitter=0.0))
        self.working: list[ObjectKey] = []
        self.owed: set[ObjectKey] = set()

    async def step(self, step: str, key: ObjectKey) -> None:
        if step in ("add", "add_after"):
            self.owed.add(key)
            self.queue.add(key) if step == "add" else self.queue.add_after(key, 0)
        elif step == "get" and len(self.queue):
            taken = await self.queue.get()
            assert taken not in self.working
            self.working.append(taken)
            self.owed.discard(taken)
        elif step == "done" and self.working:
            self.queue.done(self.working.pop(0))
        elif step == "failed" and self.working:
            self.owed.add(self.working[0])
            self.queue.failed(self.working.pop(0))
        await asyncio.sleep(0)

    async def left(self) -> set[ObjectKey]:
        for one in self.working:
            self.queue.done(one)
        await asyncio.sleep(0.001)
        return {await self.queue.get() for _ in range(len(self.queue))}


steps = st.sampled_from(["add", "add_after", "get", "get", "done", "failed"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(steps, st.sampled_from([A, B])), max_size=40))
def test_whatever_happens_every_change_is_followed_by_work(
    script: list[tuple[str, ObjectKey]],
) -> None:
    async def play() -> None:
        game = Play()
        for step, key in script:
            await game.step(step, key)
        assert await game.left() == game.owed

    asyncio.run(play())
