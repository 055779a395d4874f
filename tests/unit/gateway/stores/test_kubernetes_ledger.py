"""A ledger that replicas share: one of them holds a subscription's record at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.errors import ConfigError, SourceUnavailable
from gateway.stores.kubernetes import VALUES_LIMIT
from gateway.stores.kubernetes_ledger import KubernetesLedger
from tests.fakes.kube_memory import KubeMemory
from tests.fakes.kube_proxy import KubeProxy
from tests.support.waiting import until
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.resources import LEASES
from tidegate.kube.selection import Selection

SUBJECT = "default/CronJobTrigger/tick/hello"


class Processes:
    """Which processes live, as a test says."""

    def __init__(self, identity: str, living: set[str]) -> None:
        self.identity = identity
        self._living = living

    def holds(self) -> bool:
        return self.identity in self._living

    def alive(self, identity: str) -> bool:
        return identity in self._living


class Stage:
    """An API server, and ledgers of several replicas."""

    def __init__(self, server: KubeMemory, client: KubeClient) -> None:
        self.server = server
        self.client = client
        self.living: set[str] = set()

    def ledger(self, identity: str, client: KubeClient | None = None) -> KubernetesLedger:
        self.living.add(identity)
        processes = Processes(identity, self.living)
        return KubernetesLedger(client or self.client, "default", processes)

    def holder(self) -> str:
        (lease,) = self.server.storage.select(LEASES, "default")
        name: str = lease["spec"].get("holderIdentity", "")
        return name


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    server = KubeMemory()
    async with server.running(), connected(server.access()) as client:
        yield Stage(server, client)


async def test_what_was_put_is_there_after_a_restart(stage: Stage) -> None:
    before = stage.ledger("one_1")
    assert await before.get(SUBJECT, "ticks") is None
    await before.put(SUBJECT, "ticks", "a")
    await before.put(SUBJECT, "other", "b")
    stage.living.clear()
    after = stage.ledger("one_2")
    assert await after.get(SUBJECT, "ticks") == "a"
    assert await after.get(SUBJECT, "other") == "b"


async def test_who_lives_is_waited_for_until_it_gives_back(stage: Stage) -> None:
    one, two = stage.ledger("one"), stage.ledger("two")
    await one.get(SUBJECT, "ticks")
    waiting = asyncio.create_task(two.get(SUBJECT, "ticks"))
    await one.put(SUBJECT, "ticks", "a")
    assert not waiting.done()
    await one.put(SUBJECT, "ticks", "b")
    await one.release(SUBJECT)
    async with asyncio.timeout(20):
        assert await waiting == "b"
    await two.put(SUBJECT, "ticks", "c")


async def test_who_is_dead_is_not_waited_for(stage: Stage) -> None:
    one, two = stage.ledger("one"), stage.ledger("two")
    await one.get(SUBJECT, "ticks")
    stage.living.discard("one")
    assert await two.get(SUBJECT, "ticks") is None


async def test_who_was_taken_for_dead_writes_nothing(stage: Stage) -> None:
    one, two = stage.ledger("one"), stage.ledger("two")
    await one.get(SUBJECT, "ticks")
    stage.living.discard("one")
    await two.get(SUBJECT, "ticks")
    with pytest.raises(SourceUnavailable, match="could not renew its Lease"):
        await one.put(SUBJECT, "ticks", "late")
    stage.living.add("one")
    with pytest.raises(SourceUnavailable, match="written elsewhere"):
        await one.put(SUBJECT, "ticks", "later")
    await two.put(SUBJECT, "ticks", "right")
    await two.release(SUBJECT)
    assert await one.get(SUBJECT, "ticks") == "right"


async def test_of_many_that_want_what_is_free_one_gets_it(stage: Stage) -> None:
    ledgers = [stage.ledger(f"replica-{number}") for number in range(6)]
    tasks = [asyncio.create_task(one.get(SUBJECT, "ticks")) for one in ledgers]
    await until(lambda: any(task.done() for task in tasks), 20)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    winners = [
        one
        for one, task in zip(ledgers, tasks, strict=True)
        if not task.cancelled() and task.exception() is None
    ]
    assert len(winners) == 1
    assert stage.holder() == f"replica-{ledgers.index(winners[0])}"


async def test_a_record_that_could_not_be_given_back_is_later(stage: Stage) -> None:
    async with connected(stage.server.access()) as client:
        proxy = KubeProxy(stage.server.access())
        async with proxy.running(), connected(proxy.access) as through:
            one, two = stage.ledger("one", through), stage.ledger("two", client)
            await one.get(SUBJECT, "ticks")
            proxy.broken = True
            with pytest.raises(SourceUnavailable):
                await one.release(SUBJECT)
            proxy.broken = False
            giving = asyncio.create_task(one.run())
            async with asyncio.timeout(30):
                assert await two.get(SUBJECT, "ticks") is None
            giving.cancel()
            await asyncio.wait([giving])


async def test_a_hold_that_was_cancelled_is_given_back_too(stage: Stage) -> None:
    first = stage.ledger("first")
    await first.get(SUBJECT, "ticks")
    proxy = KubeProxy(stage.server.access())
    async with proxy.running(), connected(proxy.access) as through:
        one, two = stage.ledger("one", through), stage.ledger("two")
        taking = asyncio.create_task(one.get(SUBJECT, "ticks"))
        await until(lambda: proxy.asked["get"] >= 2, 20)
        proxy.delay = 0.5
        await first.release(SUBJECT)
        await until(lambda: proxy.asked["put"] == 1, 20)
        proxy.lose_answers = True
        await until(lambda: stage.holder() == "one", 20)
        taking.cancel()
        await asyncio.wait([taking])
        proxy.lose_answers, proxy.delay = False, 0.0
        await one.release(SUBJECT)
        async with asyncio.timeout(20):
            assert await two.get(SUBJECT, "ticks") is None


async def test_releasing_what_is_not_ours_is_nothing(stage: Stage) -> None:
    await stage.ledger("one").release(SUBJECT)
    assert (await stage.client.list(Selection(LEASES, "default"))).items == []


async def test_a_record_that_no_lease_holds_is_refused(stage: Stage) -> None:
    one = stage.ledger("one")
    await one.get(SUBJECT, "ticks")
    with pytest.raises(ConfigError, match="longer than"):
        await one.put(SUBJECT, "ticks", "x" * (VALUES_LIMIT + 1))


async def test_an_idle_subscription_costs_no_writes(stage: Stage) -> None:
    one = stage.ledger("one")
    await one.get(SUBJECT, "ticks")
    before = stage.server.storage.revision
    await one.get(SUBJECT, "ticks")
    assert stage.server.storage.revision == before
