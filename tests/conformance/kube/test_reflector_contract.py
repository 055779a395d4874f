"""A reflector's store is what the API server has, whatever befalls the watch."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from tests.fakes.kube_cluster import Cluster, client_of, config_map
from tests.fakes.kube_proxy import Fault, KubeProxy
from tests.fakes.kube_server import STRANGER
from tests.lanes import NOTE
from tests.support.background import background
from tests.support.waiting import until
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.errors import NotFound
from tidegate.kube.objects import Object, ObjectKey, version_of
from tidegate.kube.reflector import Reflector, ReflectorSettings
from tidegate.kube.resources import CONFIG_MAPS, Resource
from tidegate.kube.selection import Selection
from tidegate.kube.store import Change, Delta
from tidegate.kube.transport import ClientSettings

pytestmark = pytest.mark.timeout(180)

QUICK = ReflectorSettings(watch=60, steady=1.0, first_wait=0.1, longest_wait=1.0)
PATIENCE = 30


@dataclass
class Follower:
    """Keeps what a reflector tells; at the end that must be what its store has."""

    known: dict[ObjectKey, Object] = field(default_factory=dict)
    told: list[tuple[Change, str]] = field(default_factory=list)

    def __call__(self, delta: Delta) -> None:
        """Take a delta in."""
        assert (delta.key in self.known) == (delta.change is not Change.ADDED)
        self.told.append((delta.change, delta.key.name))
        if delta.new is None:
            del self.known[delta.key]
        else:
            self.known[delta.key] = delta.new


@dataclass
class Scene:
    """A reflector on one namespace, and what is between it and the API server."""

    cluster: Cluster
    client: KubeClient
    namespace: str
    proxy: KubeProxy
    reflector: Reflector
    follower: Follower

    async def change(self, name: str, **data: str) -> None:
        """Make or change a ConfigMap, past the proxy."""
        await self.client.apply(CONFIG_MAPS, config_map(self.namespace, name, **data), force=True)

    async def remove(self, name: str) -> None:
        """Delete a ConfigMap, past the proxy."""
        await self.client.delete(CONFIG_MAPS, ObjectKey(self.namespace, name))

    async def equal(self) -> None:
        """Wait until the store is what the API server has."""
        listed = await self.client.list(Selection(CONFIG_MAPS, self.namespace))
        truth = {
            one["metadata"]["name"]: one["metadata"]["resourceVersion"] for one in listed.items
        }
        await until(lambda: self.versions() == truth, PATIENCE)
        assert self.follower.known == dict(self.reflector.store)

    def versions(self) -> dict[str, str]:
        """Return what the store has."""
        return {key.name: version_of(one) for key, one in self.reflector.store.items()}


@asynccontextmanager
async def reflecting(
    cluster: Cluster,
    client: KubeClient,
    namespace: str,
    settings: ClientSettings | None = None,
) -> AsyncIterator[Scene]:
    """A scene whose reflector runs."""
    async with AsyncExitStack() as stack:
        proxy = KubeProxy(cluster.access())
        await stack.enter_async_context(proxy.running())
        own = await stack.enter_async_context(connected(proxy.access, settings))
        reflector = Reflector(own, Selection(CONFIG_MAPS, namespace), QUICK)
        follower = Follower()
        reflector.subscribe(follower)
        async with background(reflector.run(), "reflector of a test"):
            yield Scene(cluster, client, namespace, proxy, reflector, follower)


@pytest.fixture
async def scene(cluster: Cluster, client: KubeClient, namespace: str) -> AsyncIterator[Scene]:
    """A reflector that knows what there is, two ConfigMaps."""
    await client.apply(CONFIG_MAPS, config_map(namespace, "one", a="1"))
    await client.apply(CONFIG_MAPS, config_map(namespace, "two", a="1"))
    async with reflecting(cluster, client, namespace, ClientSettings(timeout=3)) as made:
        async with asyncio.timeout(PATIENCE):
            await made.reflector.synced.wait()
        await until(lambda: made.reflector.counts.watches == 1, PATIENCE)
        yield made


async def test_what_is_there_and_what_happens_is_told(scene: Scene) -> None:
    assert sorted(scene.follower.told) == [(Change.ADDED, "one"), (Change.ADDED, "two")]
    scene.follower.told.clear()
    await scene.change("three")
    await scene.change("one", a="2")
    await scene.remove("two")
    await scene.equal()
    assert scene.follower.told == [
        (Change.ADDED, "three"),
        (Change.CHANGED, "one"),
        (Change.DELETED, "two"),
    ]
    assert scene.reflector.counts.lists == 1


async def test_who_subscribes_later_is_told_what_there_is(scene: Scene) -> None:
    late = Follower()
    scene.reflector.subscribe(late)
    assert sorted(late.told) == [(Change.ADDED, "one"), (Change.ADDED, "two")]


async def test_the_bookkeeping_of_writers_is_not_kept(scene: Scene) -> None:
    await scene.change("three")
    await scene.equal()
    assert not any("managedFields" in one["metadata"] for one in scene.reflector.store.values())


@pytest.mark.regression(
    "kubernetes_asyncio: its watch asks twice for a version that is gone, then ends or loses events"
)
async def test_after_a_version_is_gone_the_difference_is_told(scene: Scene) -> None:
    await scene.change("again")
    await scene.equal()
    scene.follower.told.clear()
    scene.proxy.broken = True
    scene.proxy.cut()
    await until(lambda: scene.reflector.trouble, PATIENCE)
    await scene.change("three")
    await scene.change("one", a="2")
    await scene.remove("two")
    await scene.remove("again")
    await scene.change("again")
    await scene.cluster.forget()
    scene.proxy.broken = False
    await scene.equal()
    assert scene.follower.told == [
        (Change.DELETED, "two"),
        (Change.DELETED, "again"),
        (Change.ADDED, "again"),
        (Change.CHANGED, "one"),
        (Change.ADDED, "three"),
    ]
    assert scene.reflector.counts.lists == 2


def _break(proxy: KubeProxy) -> None:
    proxy.broken = True


def _answer(fault: Fault) -> Callable[[KubeProxy], None]:
    def break_it(proxy: KubeProxy) -> None:
        proxy.fault = fault

    return break_it


OUTAGES = {
    "connections break": _break,
    "internal errors": _answer(Fault(500)),
    "empty answers": _answer(Fault(200)),
    "pages of a load balancer": _answer(Fault(200, body="<html>no backend</html>")),
    "version gone for ever": _answer(Fault(410, body='{"kind":"Status","code":410}')),
}


@pytest.mark.regression(
    "kubernetes_asyncio: an empty answer to a watch is asked for again without a pause"
)
@pytest.mark.parametrize("outage", OUTAGES)
async def test_an_outage_changes_nothing_and_costs_few_requests(
    scene: Scene, outage: str, record_property: Callable[[str, object], None]
) -> None:
    before = dict(scene.reflector.store)
    scene.proxy.asked.clear()
    OUTAGES[outage](scene.proxy)
    scene.proxy.cut()
    loop = asyncio.get_running_loop()
    began = loop.time()
    await until(lambda: scene.reflector.counts.failures >= 3, PATIENCE)
    await scene.change("three")
    lasted = loop.time() - began
    assert dict(scene.reflector.store) == before
    asked = scene.proxy.asked.total()
    # Two requests a round, rounds at least 0.05, 0.1, 0.2, 0.4 and then 0.5 s apart.
    assert asked <= 2 * (5 + lasted / 0.5)
    record_property(NOTE, f"{outage}: {asked} requests in {lasted:.1f} s")
    scene.proxy.broken, scene.proxy.fault = False, None
    await scene.equal()
    await until(lambda: scene.reflector.trouble is None, PATIENCE)


async def test_an_api_server_that_sheds_load_is_left_alone(scene: Scene) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    scene.proxy.fault = Fault(429, (("Retry-After", "1"),))
    scene.proxy.cut()
    # First the watch breaks, then two requests are refused, with the wait between them.
    await until(lambda: scene.reflector.counts.failures >= 3, PATIENCE)
    assert loop.time() - began > 0.9
    scene.proxy.fault = None
    await scene.equal()


async def test_a_watch_that_says_nothing_is_opened_anew(
    cluster: Cluster, client: KubeClient, namespace: str
) -> None:
    quick = ClientSettings(timeout=1, silence=1)
    async with reflecting(cluster, client, namespace, quick) as scene:
        async with asyncio.timeout(PATIENCE):
            await scene.reflector.synced.wait()
        await scene.change("before")
        await scene.equal()  # so the watch stands
        scene.proxy.partition()
        await scene.change("one")
        await until(lambda: scene.reflector.counts.failures >= 2, PATIENCE)
        scene.proxy.cut()
        scene.proxy.heal()
        await scene.equal()


async def test_a_slow_api_server_is_waited_for(scene: Scene) -> None:
    scene.proxy.delay = 0.7
    scene.proxy.cut()
    await scene.change("three")
    await scene.equal()


async def test_without_the_right_to_list_it_says_so_once_and_goes_on(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    async with client_of(cluster, STRANGER) as stranger:
        reflector = Reflector(stranger, Selection(CONFIG_MAPS), QUICK)
        async with background(reflector.run(), "reflector of a stranger"):
            await until(lambda: reflector.counts.failures >= 3, PATIENCE)
    assert not reflector.synced.is_set()
    errors = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "grant apiGroups [''], resources ['configmaps'], verbs ['list']" in errors[0].message


async def test_a_resource_that_is_not_installed_is_waited_for(client: KubeClient) -> None:
    widgets = Resource("tests.example.com", "v1", "gadgets", "Gadget")
    reflector = Reflector(client, Selection(widgets), QUICK)
    async with background(reflector.run(), "reflector of gadgets"):
        await until(lambda: reflector.counts.failures >= 2, PATIENCE)
        assert "install its definition" in str(reflector.trouble)


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_change_is_lost_in_a_storm(scene: Scene, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(80):
        name = f"map-{chance.randrange(8)}"
        if ObjectKey(scene.namespace, name) in scene.reflector.store and chance.random() < 0.3:
            with suppress(NotFound):
                await scene.remove(name)
        else:
            await scene.change(name, a=str(chance.random()))
        match chance.randrange(12):
            case 0:
                scene.proxy.cut()
            case 1:
                scene.proxy.broken = not scene.proxy.broken
            case 2:
                scene.proxy.fault = Fault(500) if scene.proxy.fault is None else None
    scene.proxy.broken, scene.proxy.fault = False, None
    await scene.equal()
