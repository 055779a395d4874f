"""What every lease store promises, run against each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.lease import END, Lease, LeaseStore, released, renewed, stolen, taken
from gateway.stores.kubernetes_leases import KubernetesLeases
from gateway.stores.memory_leases import MemoryLeases
from gateway.stores.sqlite_leases import SqliteLeases
from tests.fakes.aws_emulator import Emulators
from tests.fakes.kube_cluster import memory_cluster
from tests.support.dynamodb import lease_table, tables_of
from tidegate.kube.client import connected

GROUP = "default/KinesisTrigger/t/f#orders:1"
ROWS = [
    Lease("shardId-000000000000", "TRIM_HORIZON"),
    Lease("shardId-000000000001", "AT_TIMESTAMP:1764000000123", ("a", "b")),
    Lease("shardId-000000000002", "4968047823811996455353552956201:7"),
    Lease("shardId-000000000003", "TRIM_HORIZON 4968047823811996455353552956201:0 t1:eJwDAAA="),
]
KEYS = [row.key for row in ROWS]

Opener = Callable[[], LeaseStore]


@pytest.fixture(params=["memory", "sqlite", "dynamodb", "kubernetes"])
async def opener(
    request: pytest.FixtureRequest, emulators: Emulators, tmp_path: Path
) -> AsyncIterator[Opener]:
    """How to reach one store; each call is another process's way to it."""
    async with AsyncExitStack() as stack:
        if request.param == "memory":
            shared = MemoryLeases()
            yield lambda: shared
        elif request.param == "sqlite":
            yield lambda: SqliteLeases(tmp_path / "leases.sqlite")
        elif request.param == "kubernetes":
            cluster = await stack.enter_async_context(memory_cluster())
            client = await stack.enter_async_context(connected(cluster.access()))
            yield lambda: KubernetesLeases(client, "default")
        else:
            yield await lease_table(tables_of(emulators))


@pytest.fixture
async def store(opener: Opener) -> AsyncIterator[LeaseStore]:
    one = opener()
    await one.create(GROUP, ROWS)
    yield one
    await one.close()


async def test_what_was_created_is_read_as_it_was(store: LeaseStore) -> None:
    assert sorted(await store.leases(GROUP, KEYS), key=lambda row: row.key) == ROWS


@pytest.mark.regression("async-kinesis: groups that read one stream overwrite each other's leases")
async def test_groups_do_not_see_each_other(store: LeaseStore) -> None:
    await store.create(f"{GROUP}!", [Lease("start", "TRIM_HORIZON")])
    assert len(await store.leases(GROUP, KEYS)) == len(KEYS)
    assert [row.key for row in await store.leases(f"{GROUP}!", ["start", *KEYS])] == ["start"]


async def test_creating_again_changes_nothing(store: LeaseStore) -> None:
    held = taken(ROWS[0], "me")
    assert await store.replace(GROUP, [(ROWS[0], held)]) == [True]
    await store.create(GROUP, ROWS)
    assert held in await store.leases(GROUP, KEYS)


async def test_every_field_is_replaced(store: LeaseStore) -> None:
    theirs = taken(ROWS[1], "them")
    mine = stolen(theirs, "me")
    moved = renewed(mine, "12:0 12:0 t1:eJwDAAA=")
    done = released(moved, END)
    for old, new in ((ROWS[1], theirs), (theirs, mine), (mine, moved), (moved, done)):
        assert await store.replace(GROUP, [(old, new)]) == [True]
        assert new in await store.leases(GROUP, KEYS)


async def test_a_change_of_what_is_no_longer_stored_is_refused_alone(store: LeaseStore) -> None:
    old, other = ROWS[0], ROWS[2]
    held = taken(old, "me")
    await store.replace(GROUP, [(old, held)])
    changes = [(old, taken(old, "thief")), (other, taken(other, "thief"))]
    assert await store.replace(GROUP, changes) == [False, True]
    assert held in await store.leases(GROUP, KEYS)


async def test_the_owner_and_the_counter_must_both_be_the_stored_ones(store: LeaseStore) -> None:
    held = taken(ROWS[0], "me")
    await store.replace(GROUP, [(ROWS[0], held)])
    wrong = (replace(held, owner="you"), replace(held, counter=5))
    for one in wrong:
        assert await store.replace(GROUP, [(one, renewed(one, "9:0"))]) == [False]
        assert not await store.delete(GROUP, one)
    assert await store.delete(GROUP, held)
    assert len(await store.leases(GROUP, KEYS)) == len(KEYS) - 1


async def test_of_many_that_take_one_lease_exactly_one_wins(opener: Opener) -> None:
    stores = [opener() for _ in range(8)]
    try:
        await stores[0].create(GROUP, ROWS)
        for one in stores:
            assert len(await one.leases(GROUP, KEYS)) == len(KEYS)  # it is open now
        async with asyncio.TaskGroup() as race:
            tries = [
                race.create_task(one.replace(GROUP, [(ROWS[0], taken(ROWS[0], f"r{index}"))]))
                for index, one in enumerate(stores)
            ]
        assert sum(one.result() == [True] for one in tries) == 1
    finally:
        for one in stores:
            await one.close()


async def test_closing_twice_is_no_mistake(store: LeaseStore) -> None:
    await store.close()
    await store.close()
