"""Controllers as processes that are killed in the middle of their work, or stand still.

What a killed one had begun the next one ends; of two, one writes. Which of them wrote when is what
the API server's audit log says.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from controllers.desired.backend import MIRROR
from controllers.kinds import OWN
from controllers.reconcilers.function import FUNCTIONS
from controllers.registry import CONTROLLERS, FUNCTION_CHILDREN
from controllers.settings import LeaseSettings
from tests.fakes.kube_cluster import new_namespace
from tests.fakes.kube_proxy import KubeProxy
from tests.fakes.kube_server import ADMIN, KubeServer
from tests.kube.accounts import ROLE_BINDINGS, SERVICE_ACCOUNTS, token_of
from tests.kube.audit import AuditLog, Write
from tests.kube.every_object import HPA, TEMPLATE
from tests.support.api_server import api_server
from tests.support.cluster import Stage, http_trigger, slice_of
from tests.support.controller_process import (
    ControllerProcess,
    controller_process,
    kubeconfig_of,
)
from tests.support.controllers import (
    ELECTION,
    PATIENCE,
    changing,
    controller_settings,
    controllers,
    eventually,
    function_object,
    settled,
    surroundings,
    write_function,
)
from tests.support.definitions import install
from tests.support.triggers import until_gone
from tests.support.waiting import until
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.objects import Object, ObjectKey, uid_of
from tidegate.kube.resources import (
    CRON_JOBS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    INGRESSES,
    SERVICES,
)
from tidegate.kube.selection import Selection

pytestmark = pytest.mark.timeout(240)

GATEWAY = "tidegate-gateway"
SPEC: Object = {"deployment": TEMPLATE, "horizontalPodAutoscaler": HPA}
USUAL = {("create", 3), ("change", 2), ("delete", 1)}
"""After how many writes it is killed on every run; the rest is `make slow`."""


@dataclass(frozen=True, slots=True)
class Audited:
    """An API server that takes notes."""

    server: KubeServer
    log: AuditLog


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    """A server for the tests of this file."""
    folder = tmp_path_factory.mktemp("killed")
    log = AuditLog(folder)
    with api_server(folder / "kube", log.flags) as server:
        asyncio.run(_define(server))
        yield Audited(server, log)


async def _define(server: KubeServer) -> None:
    async with connected(server.access()) as client:
        await install(client)


@pytest.fixture
async def client(audited: Audited) -> AsyncIterator[KubeClient]:
    """An administrator's client."""
    async with connected(audited.server.access()) as one:
        yield one


@dataclass(frozen=True, slots=True)
class Place:
    """Where a controller lives, and where its objects are."""

    client: KubeClient
    home: str
    namespace: str

    @property
    def key(self) -> ObjectKey:
        """Of the function, and of what is made for it."""
        return ObjectKey(self.namespace, "hello")

    @property
    def trigger(self) -> Object:
        """Of an Ingress to the gateway, which is mirrored for it."""
        return http_trigger(self.namespace, "web", "hello", path=f"/{self.namespace}")

    @property
    def schedule(self) -> Object:
        """Of a CronJob."""
        spec = {"function-name": "hello", "schedule": "@hourly", "mode": "cronjob"}
        metadata = {"namespace": self.namespace, "name": "tick"}
        return {"kind": "CronJobTrigger", "metadata": metadata, "spec": spec}

    async def mirrored(self) -> list[Object]:
        """Return what says in this namespace where the gateway is."""
        selection = Selection(ENDPOINT_SLICES, self.namespace, MIRROR)
        return (await self.client.list(selection)).items


@pytest.fixture
async def place(client: KubeClient) -> Place:
    place = Place(client, await new_namespace(client), await new_namespace(client))
    await client.apply(ENDPOINT_SLICES, slice_of(place.home, GATEWAY, 8080))
    return place


async def _create(place: Place) -> None:
    await write_function(place.client, place.key, **SPEC)
    await Stage(place.client).apply(place.trigger, place.schedule)


async def _is_created(place: Place) -> None:
    function = await place.client.get(FUNCTIONS, place.key)
    for resource in FUNCTION_CHILDREN:
        child = await eventually(place.client, resource, place.key)
        (owner,) = child["metadata"]["ownerReferences"]
        assert owner["uid"] == uid_of(function)
    for resource, name in ((INGRESSES, "web"), (CRON_JOBS, "tick")):
        await eventually(place.client, resource, ObjectKey(place.namespace, name))
    await eventually(place.client, SERVICES, ObjectKey(place.namespace, GATEWAY))
    await eventually(place.client, FUNCTIONS, place.key, status__observedGeneration=1)


async def _change(place: Place) -> None:
    """Have the code and the trigger changed, and what scales taken away."""
    await write_function(place.client, place.key, timeout="7")
    await place.client.patch(
        OWN["CronJobTrigger"], ObjectKey(place.namespace, "tick"), {"spec": {"mode": "gateway"}}
    )


async def _is_changed(place: Place) -> None:
    await eventually(place.client, FUNCTIONS, place.key, status__observedGeneration=2)
    deployment = await eventually(place.client, DEPLOYMENTS, place.key)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert {"name": "FUNC_TIMEOUT", "value": "7"} in container["env"]
    for resource in FUNCTION_CHILDREN[3:]:
        await until_gone(place.client, resource, place.key)
    await until_gone(place.client, CRON_JOBS, ObjectKey(place.namespace, "tick"))


async def _delete(place: Place) -> None:
    """Have all deleted, with a finalizer of Kubeless's on the function."""
    finalizer = {"metadata": {"finalizers": ["kubeless.io/function"]}}
    await place.client.patch(FUNCTIONS, place.key, finalizer)
    await place.client.delete(FUNCTIONS, place.key)
    await Stage(place.client).delete(place.trigger)


async def _is_deleted(place: Place) -> None:
    await until_gone(place.client, FUNCTIONS, place.key)
    await until_gone(place.client, SERVICES, ObjectKey(place.namespace, GATEWAY))
    async with asyncio.timeout(PATIENCE):
        while await place.mirrored():  # noqa: ASYNC110 - a server
            await asyncio.sleep(0.05)


Step = Callable[[Place], Awaitable[None]]
STEPS: dict[str, tuple[Step, Step]] = {
    "create": (_create, _is_created),
    "change": (_change, _is_changed),
    "delete": (_delete, _is_deleted),
}
BEFORE = {"create": None, "change": "create", "delete": "create"}
WRITES = {"create": 7, "change": 6, "delete": 2}
"""How many writes a step takes at least."""

CASES = [
    pytest.param(step, after, marks=() if (step, after) in USUAL else (pytest.mark.slow,))
    for step, writes in WRITES.items()
    for after in range(1, writes + 1)
]


@pytest.mark.parametrize(("step", "after"), CASES)
async def test_what_a_killed_controller_has_begun_the_next_one_ends(
    audited: Audited, place: Place, tmp_path: Path, step: str, after: int
) -> None:
    make, is_made = STEPS[step]
    before = BEFORE[step]
    if before is not None:
        async with _surviving(audited, place):
            await STEPS[before][0](place)
            await STEPS[before][1](place)
    await make(place)
    await _killed_after(after, audited, place, tmp_path)
    async with _surviving(audited, place):
        await is_made(place)


@asynccontextmanager
async def _surviving(audited: Audited, place: Place) -> AsyncIterator[None]:
    """A controller that nobody kills."""
    settings = replace(
        controller_settings(place.namespace), lease=LeaseSettings(place.home, times=ELECTION)
    )
    async with controllers(audited.server.access(), settings, surroundings(CONTROLLERS)) as app:
        yield
        await settled(app)


async def _killed_after(writes: int, audited: Audited, place: Place, folder: Path) -> None:
    """Run a controller until it makes its so many-th write, which may or may not arrive."""
    proxy, counted = KubeProxy(audited.server.access()), 0
    async with proxy.running():
        kubeconfig = kubeconfig_of(proxy.url, ADMIN, folder / "config")
        async with controller_process(kubeconfig, place.namespace, place.home, "one") as victim:

            def count(path: str) -> None:
                nonlocal counted
                counted += "/leases" not in path
                if counted == writes:
                    victim.kill()

            proxy.on_write = count
            assert await victim.ended() == -9, victim.log


async def test_of_two_controllers_one_writes_while_the_leader_stands_still(
    audited: Audited, place: Place, tmp_path: Path
) -> None:
    await place.client.create(FUNCTIONS, function_object(*place.key))
    async with (
        _contender(audited, place, "one", tmp_path) as one,
        _contender(audited, place, "two", tmp_path) as two,
        changing(place.client, place.key),
    ):
        first = await _leader(audited, place)
        leader, other = (one, two) if first == "one" else (two, one)
        await _works(audited, place, first)
        leader.stop()
        second = await _leader(audited, place, but=first)
        await _works(audited, place, second)
        leader.go_on()
        await leader.says("not renewed in time", "held by")
        await _works(audited, place, second)
        for process in (leader, other):
            if process.process.returncode is None:
                process.process.terminate()
        assert await other.ended() == 0
        assert await leader.ended() in (0, 75)  # it may have ended itself: see Elector
    writes = audited.log.writes(place.home)
    assert {one.account for one in writes if not one.is_election} == {"one", "two"}
    assert _against_a_leader(writes) == []


def _against_a_leader(writes: list[Write]) -> list[Write]:
    """Return the writes that came to the API server when another one had the Lease already, and
    changed something. What was being sent when a process was stopped is broken off, and refused."""
    elections = sorted(
        (one.answered, one.account) for one in writes if one.is_election and one.is_done
    )
    found = []
    for write in writes:
        leaders = [account for at, account in elections if at <= write.received]
        work = write.is_done and not write.is_election
        if work and leaders[-1:] != [write.account]:
            found.append(write)
    return found


@asynccontextmanager
async def _contender(
    audited: Audited, place: Place, name: str, folder: Path
) -> AsyncIterator[ControllerProcess]:
    """A controller with an account of its own, by which the audit log knows it."""
    client, metadata = place.client, {"namespace": place.home, "name": name}
    await client.create(SERVICE_ACCOUNTS, {"metadata": metadata})
    for namespace in (place.home, place.namespace):
        binding = {
            "metadata": {"namespace": namespace, "name": name},
            "roleRef": {
                "apiGroup": ROLE_BINDINGS.group,
                "kind": "ClusterRole",
                "name": "cluster-admin",
            },
            "subjects": [{"kind": "ServiceAccount", **metadata}],
        }
        await client.create(ROLE_BINDINGS, binding)
    token = await token_of(client, place.home, name)
    server = audited.server
    file = kubeconfig_of(server.url, token, folder / name, server.authority)
    async with controller_process(file, place.namespace, place.home, name) as process:
        yield process


async def _leader(audited: Audited, place: Place, but: str = "") -> str:
    """Return who has the Lease, once that is somebody else than `but`."""
    leaders: list[str] = []

    def look() -> bool:
        elections = [one for one in audited.log.writes(place.home) if one.is_election]
        leaders[:] = [one.account for one in elections if one.is_done][-1:]
        return bool(leaders) and leaders != [but]

    await until(look, PATIENCE, every=0.2)
    return leaders[0]


async def _works(audited: Audited, place: Place, account: str) -> None:
    """Return once `account` has written some more."""

    def count() -> int:
        writes = audited.log.writes(place.home)
        return sum(one.account == account and not one.is_election for one in writes)

    before = count()
    await until(lambda: count() > before + 5, PATIENCE, every=0.2)
