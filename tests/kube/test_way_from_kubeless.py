"""The way over from Kubeless on a real API server: what it left, and the commands that are told."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import gateway.sources.cron
import gateway.sources.kinesis  # noqa: F401 - their libraries read files when they are imported
from controllers.registry import function_controllers
from controllers.settings import GatewaySettings, LeaseSettings, ReportSettings
from controllers.triggers import trigger_controllers
from tests.fakes.kube_cluster import new_namespace
from tests.fakes.kube_server import KubeServer
from tests.fakes.nats_server import NatsServer
from tests.support.background import background
from tests.support.cluster import Replica, replica_of
from tests.support.controllers import (
    ELECTION,
    controller_settings,
    controllers,
    roll_out,
    surroundings,
)
from tests.support.definitions import KINDS
from tests.support.kubeless import (
    condition_of,
    finalized,
    plant_definitions,
    plant_remains,
)
from tests.support.triggers import until_gone
from tests.transcripts.terminal import Terminal
from tests.unit.cli.migrate.shapes import PROGRAMS, cron, function, http, kafka, kinesis, nats
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.errors import Conflict, Invalid, NotFound
from tidegate.kube.objects import Object, ObjectKey, key_of, uid_of
from tidegate.kube.resources import (
    CONFIG_MAPS,
    CRON_JOBS,
    DEPLOYMENTS,
    INGRESSES,
    NAMESPACES,
    SERVICES,
    Resource,
)
from tidegate.kube.selection import Selection

pytestmark = pytest.mark.timeout(300)

FUNCTIONS = KINDS["Function"]
SHOP = "shop"
HELLO = ObjectKey(SHOP, "hello")
SHARDS = (kinesis("a", "shardId-000000000000"), kinesis("b", "shardId-000000000001"))
OBJECTS = (
    function("hello", runtime="python3.7", schedule=""),
    function("report", runtime="nodejs12", schedule="0 5 * * *"),
    kafka(),
    nats(),
    *SHARDS,
    cron(),
    http(gateway=""),
)
CONFIG = {
    "metadata": {"namespace": "kubeless", "name": "kubeless-config"},
    "data": {"deployment": "{}", "ingress-enabled": "false", "service-type": "ClusterIP"},
}
ADOPTED = (CONFIG_MAPS, SERVICES, DEPLOYMENTS)
AWAY = ("wait --for=condition=Ready kafkatriggers", "wait --for=condition=Ready kinesistriggers")
"""What waits for brokers that this cluster has not."""


@dataclass(frozen=True, slots=True)
class Old:
    """A cluster in which Kubeless was at work, upgraded since."""

    server: KubeServer
    client: KubeClient
    terminal: Terminal
    broker: NatsServer

    async def report(self, *words: str) -> Object:
        """Return what `tidegate migrate` tells programs, where nothing is to be done by hand."""
        said, code = await self.terminal.run(f"tidegate migrate -o json {' '.join(words)}")
        assert code == 0, "\n".join(said)
        told: Object = json.loads("\n".join(said))
        return told

    async def uids(self) -> dict[str, str]:
        """Return who the children of the function hello are."""
        found = {one.kind: await self.client.get(one, HELLO) for one in ADOPTED}
        found["Ingress"] = await self.client.get(INGRESSES, ObjectKey(SHOP, "front"))
        return {kind: uid_of(obj) for kind, obj in found.items()}


@pytest.fixture
async def old(own_server: KubeServer, tmp_path: Path) -> AsyncIterator[Old]:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl: it is not installed")
    own_server.kubeconfig(tmp_path / "kubeconfig")
    terminal = Terminal(tmp_path, {"KUBECONFIG": str(tmp_path / "kubeconfig")})
    async with (
        NatsServer(tmp_path / "nats") as broker,
        connected(own_server.access()) as client,
    ):
        await plant_definitions(own_server, client)
        for name in (SHOP, "kubeless"):
            await client.create(NAMESPACES, {"metadata": {"name": name}})
        await client.create(CONFIG_MAPS, CONFIG)
        for program in PROGRAMS:
            await client.create(DEPLOYMENTS, _told_of(program, broker.url))
        for obj in OBJECTS:
            await client.create(KINDS[obj["kind"]], finalized(obj))
        await plant_remains(client, OBJECTS)
        yield Old(own_server, client, terminal, broker)


def _told_of(program: Object, url: str) -> Object:
    """The program, where NATS is said in its environment."""
    made: Object = json.loads(json.dumps(program))
    for container in made["spec"]["template"]["spec"]["containers"]:
        if container["name"] == "nats-trigger-controller":
            container["env"] = [{"name": "NATS_URL", "value": url}]
    return made


@asynccontextmanager
async def rolled_out(client: KubeClient) -> AsyncIterator[None]:
    """Nodes on which every pod runs at once."""

    async def play() -> None:
        while True:
            for one in (await client.list(Selection(DEPLOYMENTS))).items:
                with suppress(NotFound, Conflict):
                    await roll_out(client, key_of(one))
            await asyncio.sleep(0.5)

    async with background(play(), "nodes of a test"):
        yield


@asynccontextmanager
async def pods_of_tidegate(old: Old, patch: pytest.MonkeyPatch) -> AsyncIterator[Replica]:
    """What the Deployments of the installation run: a controller and a gateway."""
    access = old.server.access()
    settings = replace(
        controller_settings(""),
        lease=LeaseSettings("tidegate", times=ELECTION),
        gateway=GatewaySettings(reports=ReportSettings(interval=0.2, numbers=0.2)),
    )
    around = surroundings((function_controllers, trigger_controllers))
    async with (
        replica_of(access, "tidegate", nats=old.broker.url) as gateway,
        controllers(access, settings, around),
    ):
        # Its pod is on this machine, and no API server takes a loopback address in a slice.
        address = f"127.0.0.1:{gateway.gateway.admin_port}"
        patch.setattr("controllers.triggers._admin_addresses", lambda _: [address])
        yield gateway


@pytest.mark.regression(
    "Kubernetes: a definition of apiextensions/v1beta1 keeps preserveUnknownFields: true, with "
    "which defaults are refused, unless the one that is applied says false"
)
async def test_the_commands_that_are_told_lead_over_without_a_loss(
    old: Old, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = await old.report("--write", "objects")
    before = await old.uids()
    groups = {each["before"] for each in report["changes"] if each["field"] == "consumer group"}
    async with AsyncExitStack() as running:
        await running.enter_async_context(rolled_out(old.client))
        for command in (each for step in report["steps"] for each in step["commands"]):
            if any(each in command for each in AWAY):
                continue
            said, code = await old.terminal.run(command)
            assert code == 0, "\n".join((command, *said))
            if command.startswith("tidegate install"):
                gateway = await running.enter_async_context(pods_of_tidegate(old, monkeypatch))
        assert await old.uids() == before
        await _is_over(old.client)
        await _is_ours(old.client)
        read = {repr(one.source) for one, _ in gateway.gateway.subscriptions()}
    assert groups == {"shop_orders_hello_orders"}
    assert any(f"group='{group}'" in source for group in groups for source in read)


async def _is_over(client: KubeClient) -> None:
    """Fail where something of Kubeless is left that is in the way, or something of ours is not."""
    for resource in KINDS.values():
        for one in (await client.list(Selection(resource))).items:
            assert not one["metadata"].get("finalizers"), one
    assert [one["metadata"]["name"] for one in await _items(client, CRON_JOBS)] == []
    assert {one["metadata"]["namespace"] for one in await _items(client, DEPLOYMENTS)} == {
        SHOP,
        "tidegate",
    }
    await client.get(CONFIG_MAPS, ObjectKey("kubeless", "kubeless-config"))
    shards = await _items(client, KINDS["KinesisTrigger"])
    assert [(one["metadata"]["name"], one["spec"].get("shard")) for one in shards] == [("a", None)]
    schedules = await _items(client, KINDS["CronJobTrigger"])
    assert [one["metadata"]["name"] for one in schedules] == ["report", "tick"]
    deployment = await client.get(DEPLOYMENTS, HELLO)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert "OLD" not in {each["name"] for each in container["env"]}


async def _is_ours(client: KubeClient) -> None:
    """Fail where the definitions are not ours, with all their rules."""
    assert await condition_of(client, "Function", "NonStructuralSchema") != "True"
    wrong = {"metadata": {"name": "a", "namespace": SHOP}, "spec": {"handler": "no-dot"}}
    with pytest.raises(Invalid, match="has no dot"):
        await client.create(FUNCTIONS, wrong)


async def _items(client: KubeClient, resource: Resource) -> list[Object]:
    found = (await client.list(Selection(resource))).items
    return sorted(found, key=lambda one: str(one["metadata"]["name"]))


async def test_what_is_in_the_way_is_told_and_not_touched(
    admitting: KubeClient, defined: KubeServer, tmp_path: Path
) -> None:
    client, namespace = admitting, await new_namespace(admitting)
    going, taken = ObjectKey(namespace, "going"), ObjectKey(namespace, "taken")
    for key in (going, taken):
        await client.create(FUNCTIONS, finalized(_of(function(key.name), key)))
    await client.delete(FUNCTIONS, going)
    await client.create(CONFIG_MAPS, {"metadata": taken._asdict(), "data": {}})
    before = await _everything(client, namespace)

    defined.kubeconfig(tmp_path / "kubeconfig")
    terminal = Terminal(tmp_path, {"KUBECONFIG": str(tmp_path / "kubeconfig")})
    said, code = await terminal.run(f"tidegate migrate -n {namespace}")
    text = " ".join("\n".join(said).split())
    assert code == 1, text
    assert f"Function {going}: metadata.finalizers: is being deleted since" in text
    assert f"Function {taken}: metadata.name: ConfigMap of that name is there" in text
    assert await _everything(client, namespace) == before

    if shutil.which("kubectl") is not None:
        (fix,) = (each for each in _commands(text) if "patch function" in each)
        assert (await terminal.run(fix))[1] == 0
        await until_gone(client, FUNCTIONS, going)


def _of(obj: Object, key: ObjectKey) -> Object:
    return {**obj, "metadata": {**obj["metadata"], **key._asdict()}}


async def _everything(client: KubeClient, namespace: str) -> list[Object]:
    """Return all that a reader of the namespace might have changed."""
    every = [Selection(each, namespace) for each in (*KINDS.values(), *ADOPTED)]
    return [one for each in every for one in (await client.list(each)).items]


def _commands(text: str) -> list[str]:
    """Return what is to be pasted from a sentence: to its last quote."""
    return [f"kubectl {each.rpartition(chr(39))[0]}'" for each in text.split("kubectl ")[1:]]
