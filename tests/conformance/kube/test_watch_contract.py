"""What every API server tells those who watch."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.fakes.kube_cluster import Cluster, config_map
from tidegate.kube.client import KubeClient
from tidegate.kube.errors import Gone
from tidegate.kube.objects import ObjectKey, key_of, version_of
from tidegate.kube.resources import CONFIG_MAPS
from tidegate.kube.selection import Selection
from tidegate.kube.watch import EventType, WatchEvent

pytestmark = pytest.mark.timeout(180)


async def _told(client: KubeClient, selection: Selection, since: str) -> Sequence[WatchEvent]:
    """Return what a watch brings until something named `last` is made."""
    events = []
    async with client.watch(selection, since) as watch, asyncio.timeout(60):
        async for event in watch:
            if event.type is not EventType.BOOKMARK:
                events.append(event)
                if key_of(event.object).name == "last":
                    break
    return events[:-1]


def _names(events: Sequence[WatchEvent]) -> list[tuple[str, str]]:
    return [(event.type.value, key_of(event.object).name) for event in events]


async def test_a_watch_tells_all_since_a_version(client: KubeClient, namespace: str) -> None:
    selection = Selection(CONFIG_MAPS, namespace)
    since = (await client.list(selection)).version
    await client.create(CONFIG_MAPS, config_map(namespace, "one"))
    await client.patch(CONFIG_MAPS, ObjectKey(namespace, "one"), {"data": {"a": "1"}})
    await client.create(CONFIG_MAPS, config_map(namespace, "two"))
    await client.delete(CONFIG_MAPS, ObjectKey(namespace, "one"))
    await client.create(CONFIG_MAPS, config_map(namespace, "last"))
    events = await _told(client, selection, since)
    assert _names(events) == [
        ("ADDED", "one"),
        ("MODIFIED", "one"),
        ("ADDED", "two"),
        ("DELETED", "one"),
    ]
    versions = [int(version_of(event.object)) for event in events]
    assert versions == sorted(versions)


async def test_a_watch_ends_when_it_was_asked_to(client: KubeClient, namespace: str) -> None:
    selection = Selection(CONFIG_MAPS, namespace)
    since = (await client.list(selection)).version
    async with client.watch(selection, since, lasts=1) as watch, asyncio.timeout(60):
        assert {event.type async for event in watch} <= {EventType.BOOKMARK}


async def test_what_stops_matching_is_told_as_deleted(client: KubeClient, namespace: str) -> None:
    selection = Selection(CONFIG_MAPS, namespace, "tier=a")
    since = (await client.list(selection)).version
    key = key_of(await client.create(CONFIG_MAPS, config_map(namespace, "one")))
    for tier in ("a", "b"):
        await client.patch(CONFIG_MAPS, key, {"metadata": {"labels": {"tier": tier}}})
    last = config_map(namespace, "last")
    last["metadata"]["labels"] = {"tier": "a"}
    await client.create(CONFIG_MAPS, last)
    told = await _told(client, selection, since)
    assert _names(told) == [("ADDED", "one"), ("DELETED", "one")]


async def test_a_forgotten_version_is_gone(
    cluster: Cluster, client: KubeClient, namespace: str
) -> None:
    selection = Selection(CONFIG_MAPS, namespace)
    since = (await client.list(selection)).version
    await client.create(CONFIG_MAPS, config_map(namespace, "one"))
    await client.delete(CONFIG_MAPS, ObjectKey(namespace, "one"))
    await cluster.forget()
    with pytest.raises(Gone):
        await _told(client, selection, since)


async def test_a_watch_needs_a_version(client: KubeClient) -> None:
    with pytest.raises(Gone):
        await _told(client, Selection(CONFIG_MAPS), "")
