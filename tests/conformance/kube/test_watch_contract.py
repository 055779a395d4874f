"""What every API server tells those who watch."""

from __future__ import annotations

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


async def _events(client: KubeClient, selection: Selection, since: str) -> Sequence[WatchEvent]:
    """Return what a short watch brings, bookmarks too."""
    async with client.watch(selection, since, lasts=4) as watch:
        return [event async for event in watch]


def _told(events: Sequence[WatchEvent]) -> list[tuple[str, str]]:
    return [
        (event.type.value, key_of(event.object).name)
        for event in events
        if event.type is not EventType.BOOKMARK
    ]


async def test_a_watch_tells_all_since_a_version_and_ends(
    client: KubeClient, namespace: str
) -> None:
    selection = Selection(CONFIG_MAPS, namespace)
    since = (await client.list(selection)).version
    await client.create(CONFIG_MAPS, config_map(namespace, "one"))
    await client.patch(CONFIG_MAPS, ObjectKey(namespace, "one"), {"data": {"a": "1"}})
    await client.create(CONFIG_MAPS, config_map(namespace, "two"))
    await client.delete(CONFIG_MAPS, ObjectKey(namespace, "one"))
    events = await _events(client, selection, since)
    told = [one for one in _told(events) if one[1] != "kube-root-ca.crt"]
    assert told == [("ADDED", "one"), ("MODIFIED", "one"), ("ADDED", "two"), ("DELETED", "one")]
    versions = [int(version_of(event.object)) for event in events]
    assert versions == sorted(versions)


async def test_what_stops_matching_is_told_as_deleted(client: KubeClient, namespace: str) -> None:
    selection = Selection(CONFIG_MAPS, namespace, "tier=a")
    since = (await client.list(selection)).version
    key = key_of(await client.create(CONFIG_MAPS, config_map(namespace, "one")))
    for tier in ("a", "b"):
        await client.patch(CONFIG_MAPS, key, {"metadata": {"labels": {"tier": tier}}})
    assert _told(await _events(client, selection, since)) == [("ADDED", "one"), ("DELETED", "one")]


async def test_a_forgotten_version_is_gone(
    cluster: Cluster, client: KubeClient, namespace: str
) -> None:
    selection = Selection(CONFIG_MAPS, namespace)
    since = (await client.list(selection)).version
    await client.create(CONFIG_MAPS, config_map(namespace, "one"))
    await client.delete(CONFIG_MAPS, ObjectKey(namespace, "one"))
    await cluster.forget()
    with pytest.raises(Gone):
        await _events(client, selection, since)


async def test_a_watch_needs_a_version(client: KubeClient) -> None:
    with pytest.raises(Gone):
        await _events(client, Selection(CONFIG_MAPS), "")
