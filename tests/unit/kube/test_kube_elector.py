"""One writer at all times, whatever the network does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress

import pytest

from tests.fakes.kube_cluster import memory_cluster
from tests.fakes.kube_proxy import Fault, KubeProxy
from tests.kube.replicas import KEY, QUICK, Stage, lease_now, replica_of
from tests.support.waiting import until
from tidegate.kube.access import Access
from tidegate.kube.client import connected
from tidegate.kube.elector import Elector, ElectorSettings
from tidegate.kube.errors import NotLeading
from tidegate.kube.lease import LeaseRecord, Observation, lease_object, record_of
from tidegate.kube.resources import LEASES


@pytest.fixture
async def access() -> AsyncIterator[Access]:
    """An API server without anything in it."""
    async with memory_cluster() as cluster:
        yield cluster.access()


async def test_one_of_two_leads_and_the_other_follows_when_it_stops(access: Access) -> None:
    stage = Stage()
    async with replica_of(access, stage, "a") as a, replica_of(access, stage, "b") as b:
        await until(lambda: stage.working, 20)
        first, second = (a, b) if "a" in stage.working else (b, a)
        assert first.elector.leads()
        assert not second.elector.leads()
        await first.stop()
        await until(lambda: second.elector.leads(), 20)
    assert set(stage.led) == {"a", "b"}
    assert stage.together == 1


async def test_a_lease_is_given_back_on_shutdown(access: Access) -> None:
    stage = Stage()
    async with replica_of(access, stage, "a"):
        await until(lambda: stage.working, 20)
        assert (await lease_now(access)).holder == "a"
    assert (await lease_now(access)).holder == ""


@pytest.mark.regression(
    "kubernetes_asyncio: its elector lets the work run on when a renewal fails by the network"
)
@pytest.mark.parametrize("how", ["partition", "break", "refuse"])
async def test_work_stops_before_the_lease_of_a_lost_leader_ends(access: Access, how: str) -> None:
    stage = Stage()
    async with replica_of(access, stage, "a") as a:
        await until(lambda: stage.working, 20)
        async with replica_of(access, stage, "b") as b:
            if how == "partition":
                a.proxy.partition()
            elif how == "refuse":
                a.proxy.fault = Fault(500)
            else:
                a.proxy.broken = True
            await until(lambda: "b" in stage.working, 30)
            assert not a.elector.leads()
            assert b.elector.leads()
    assert stage.led[-1] == "b"
    assert stage.together == 1


async def test_a_renewal_whose_answer_is_lost_costs_nothing_but_time(access: Access) -> None:
    stage = Stage()
    patient = ElectorSettings(duration=20, renew_deadline=15, retry_period=0.2, call_timeout=0.5)
    async with replica_of(access, stage, "a", patient) as a:
        await until(lambda: stage.working, 20)
        a.proxy.lose_answers = True
        before = await lease_now(access)
        lost = a.proxy.asked["put"]
        await until(lambda: a.proxy.asked["put"] > lost + 1, 20)
        a.proxy.lose_answers = False
        after = await lease_now(access)
        assert after.renewed > before.renewed
        asked = a.proxy.asked["put"]
        await until(lambda: a.proxy.asked["put"] > asked + 2, 20)
        assert a.elector.leads()
    assert stage.led == ["a"]


async def test_a_leader_that_sees_another_in_its_lease_stops_at_once(access: Access) -> None:
    stage = Stage()
    slow = ElectorSettings(duration=60, renew_deadline=50, retry_period=0.2)
    async with replica_of(access, stage, "a", slow) as a, connected(access) as client:
        await until(lambda: stage.working, 20)
        await client.patch(LEASES, KEY, {"spec": {"holderIdentity": "b"}})
        await until(lambda: not stage.working, 20)
        assert not a.elector.leads()
    assert (await lease_now(access)).holder == "b"


async def test_a_deleted_lease_stops_nobody_and_lets_nobody_in(access: Access) -> None:
    stage = Stage()
    async with replica_of(access, stage, "a"):
        await until(lambda: stage.working, 20)
        async with replica_of(access, stage, "b") as b, connected(access) as client:
            await until(lambda: b.proxy.asked["get"] > 1, 20)
            await client.delete(LEASES, KEY)
            await until(lambda: len(stage.led) > 1, 30)
    assert stage.together == 1


async def test_work_that_ends_by_itself_ends_the_election(access: Access) -> None:
    async with connected(access) as client:
        elector = Elector(client, KEY, "a", QUICK)
        await elector.run(lambda: asyncio.sleep(0))
        assert not elector.leads()
    assert (await lease_now(access)).holder == ""


async def test_what_the_work_raises_comes_out_after_the_lease_is_given_back(
    access: Access,
) -> None:
    async def work() -> None:
        raise RuntimeError("the work is broken")

    async with connected(access) as client:
        with pytest.raises(RuntimeError, match="broken"):
            await Elector(client, KEY, "a", QUICK).run(work)
    assert (await lease_now(access)).holder == ""


async def test_work_that_does_not_stop_is_cut_off_before_another_begins(access: Access) -> None:
    stuck, cut = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        while not stuck.is_set():
            with suppress(asyncio.CancelledError):
                await stuck.wait()

    def cut_off() -> None:
        cut.set()
        stuck.set()

    async with AsyncExitStack() as stack:
        proxy = KubeProxy(access)
        await stack.enter_async_context(proxy.running())
        client = await stack.enter_async_context(connected(proxy.access))
        elector = Elector(client, KEY, "a", QUICK, cut_off)
        task = asyncio.create_task(elector.run(work))
        await until(elector.leads, 20)
        sent = asyncio.get_running_loop().time()
        proxy.partition()
        async with asyncio.timeout(20):
            await cut.wait()
        assert asyncio.get_running_loop().time() - sent < QUICK.duration + 1
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_lease_is_kept_while_the_work_takes_its_time_to_stop(access: Access) -> None:
    stopping, stopped, cut = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopping.set()
            await stopped.wait()

    async with connected(access) as client:
        elector = Elector(client, KEY, "a", QUICK, cut.set)
        task = asyncio.create_task(elector.run(work))
        await until(elector.leads, 20)
        task.cancel()
        await stopping.wait()
        before = await lease_now(access)
        began = asyncio.get_running_loop().time()
        await until(lambda: asyncio.get_running_loop().time() > began + QUICK.duration + 1, 20)
        assert elector.leads()
        assert (await lease_now(access)).renewed > before.renewed
        stopped.set()
        with suppress(asyncio.CancelledError):
            await task
    assert not cut.is_set()
    assert (await lease_now(access)).holder == ""


async def test_writes_of_who_does_not_lead_are_held_back(access: Access) -> None:
    async with connected(access) as client:
        elector = Elector(client, KEY, "a", QUICK)
        fenced = client.fenced(elector.leads_for)
        with pytest.raises(NotLeading):
            await fenced.patch(LEASES, KEY, {})


async def test_a_write_that_is_late_is_given_up_before_another_may_lead(access: Access) -> None:
    proxy, written = KubeProxy(access), []
    proxy.on_write, proxy.delay = written.append, 60.0
    async with proxy.running(), connected(proxy.access) as client:
        fenced = client.fenced(lambda: 0.2)
        async with asyncio.timeout(20):
            with pytest.raises(NotLeading, match="given up"):
                await fenced.patch(LEASES, KEY, {})
    assert written == []


def test_another_lease_ends_by_our_clock_alone() -> None:
    observed = Observation()
    assert not observed.holds(100.0)
    held = LeaseRecord("b", 15.0, renewed="1970-01-01T00:00:00.000000Z", version="1")
    observed.see(held, 100.0)
    observed.see(held, 110.0)
    assert observed.holds(114.9)
    assert not observed.holds(115.0)
    observed.see(LeaseRecord("b", 15.0, version="2"), 116.0)
    assert observed.holds(130.9)
    observed.see(LeaseRecord("", 1.0, version="3"), 117.0)
    assert not observed.holds(117.0)


def test_a_record_survives_the_way_to_the_object_and_back() -> None:
    taken = LeaseRecord(version="7").taken_by("a", 15)
    assert record_of(lease_object(KEY, taken)) == taken
    assert taken.transitions == 1
    again = taken.taken_by("a", 15)
    assert (again.transitions, again.acquired) == (1, taken.acquired)
    assert taken.given_back().holder == ""


@pytest.mark.parametrize("times", [(10, 10, 2), (10, 2, 2), (15, 10, 0)])
def test_times_with_which_two_could_lead_are_refused(times: tuple[int, float, float]) -> None:
    duration, renew_deadline, retry_period = times
    with pytest.raises(ValueError, match="must hold"):
        ElectorSettings(duration, renew_deadline, retry_period)
