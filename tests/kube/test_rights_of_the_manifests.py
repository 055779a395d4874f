"""With the service accounts of the manifests: every right that the code needs, and no other.

The API server's audit log says what each account asked for. What RBAC refused is a rule that
lacks; a rule that nothing asked for is one too many.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

import gateway.sources.cron  # noqa: F401 - its library reads files when it is imported
from controllers.kinds import OWN
from controllers.registry import CONTROLLERS
from controllers.settings import ControllerSettings
from tests.fakes.kube_cluster import config_map
from tests.fakes.kube_server import KubeServer
from tests.kube.accounts import token_of
from tests.kube.audit import AuditLog, refused, unused
from tests.kube.every_object import (
    gateway_objects,
    grown_function,
    install_others,
    other_triggers,
    replace_function,
    triggers,
)
from tests.support.api_server import api_server
from tests.support.cluster import Stage, function, http_trigger, replica_of, slice_of
from tests.support.controllers import (
    controller_settings,
    controllers,
    eventually,
    surroundings,
)
from tidegate.cli.cluster.bundle import Variant, bundle, resource_of
from tidegate.cli.cluster.install import install
from tidegate.cli.cluster.kustomize import Object
from tidegate.cli.cluster.options import HOME, Overlay
from tidegate.cli.cluster.rights import Grant, granted
from tidegate.kube.access import Access
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.errors import Forbidden
from tidegate.kube.objects import ObjectKey, key_of, owner_reference
from tidegate.kube.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    INGRESSES,
    NAMESPACES,
)

pytestmark = pytest.mark.timeout(300)

_STRICT = "--enable-admission-plugins=OwnerReferencesPermissionEnforcement"
SHOP = "shop"
MARKET = "market"
"""Where the functions of a cluster-wide installation are."""
PATIENCE = 40.0


class Cluster:
    """An API server that takes notes, and an installation on it."""

    def __init__(self, server: KubeServer, log: AuditLog) -> None:
        self.server = server
        self.log = log
        self.objects: list[Object] = []

    async def install(self, client: KubeClient, variant: Variant) -> None:
        """Install it, and make the namespaces of the functions."""
        self.objects = await asyncio.to_thread(bundle, variant)
        await install(client, self.objects, lambda _: None, force=True)
        for name in (SHOP, MARKET):
            await client.apply(NAMESPACES, {"metadata": {"name": name}})

    async def access(self, client: KubeClient, account: str, home: str = HOME) -> Access:
        """Return access with a token of a service account, as its pods have it."""
        return self.server.access(await token_of(client, home, account))

    def grants(self, account: str) -> list[Grant]:
        """Return what the manifests grant to an account."""
        return list(granted(self.objects, account))

    def unused(self, account: str) -> set[str]:
        """Return the grants that it has not needed."""
        return unused(self.grants(account), self.log.asked(f"{HOME}:{account}"))

    def refused(self, account: str) -> set[str]:
        """Return what it asked for in vain."""
        return refused(self.log.asked(f"{HOME}:{account}"))

    async def until_used(self, account: str, *besides: str) -> None:
        """Return once it has used its grants, all but those that have a word of `besides`."""
        left: set[str] = set()
        try:
            async with asyncio.timeout(PATIENCE):
                while left := self._left(account, besides):  # noqa: ASYNC110 - a file
                    await asyncio.sleep(0.2)
        except TimeoutError:
            pytest.fail(f"not used: {left}; refused: {self.refused(account)}")

    def _left(self, account: str, besides: tuple[str, ...]) -> set[str]:
        unused = self.unused(account)
        return {one for one in unused if not any(word in one for word in besides)}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A server for the tests of this file."""
    folder = tmp_path_factory.mktemp("audited")
    log = AuditLog(folder)
    with api_server(folder / "kube", [*log.flags, _STRICT]) as server:
        yield Cluster(server, log)


@pytest.fixture
async def client(cluster: Cluster) -> AsyncIterator[KubeClient]:
    """An administrator's client."""
    async with connected(cluster.server.access()) as one:
        yield one


async def test_the_gateway_uses_every_right_that_it_has_and_asks_for_no_other(
    cluster: Cluster, client: KubeClient
) -> None:
    await cluster.install(client, Variant())
    account = "tidegate-gateway"
    await Stage(client).apply(*gateway_objects(MARKET))
    async with replica_of(await cluster.access(client, account), HOME):
        await cluster.until_used(account, "delete leases", "update leases")
    assert cluster.unused(account) == set()
    assert cluster.refused(account) == set()


BY_PLUGIN = "finalizers"
"""What an admission plugin asks for us is not in the log."""


async def test_the_controller_uses_every_right_that_it_has_and_asks_for_no_other(
    cluster: Cluster, client: KubeClient
) -> None:
    await cluster.install(client, Variant())
    await install_others(client)
    account, stage = "tidegate-controller", Stage(client)
    access = await cluster.access(client, account)
    async with controllers(access, cluster_settings(), surroundings(CONTROLLERS)):
        await client.apply(ENDPOINT_SLICES, slice_of(HOME, "tidegate-gateway", 8080))
        await stage.apply(grown_function(SHOP), *triggers(SHOP))
        await cluster.until_used(account, "delete", BY_PLUGIN)
        await stage.apply(*other_triggers(SHOP))
        await replace_function(client, ObjectKey(SHOP, "grown"))
        await cluster.until_used(account, "delete services", "delete endpointslices", BY_PLUGIN)
        for one in other_triggers(SHOP):
            await stage.delete(one)
        await cluster.until_used(account, BY_PLUGIN)
    assert cluster.refused(account) == set()


async def test_a_namespace_scoped_installation_needs_no_right_outside_of_its_namespace(
    cluster: Cluster, client: KubeClient
) -> None:
    home = "alone"
    await cluster.install(client, Variant(Overlay.NAMESPACE_SCOPED, home))
    access = await cluster.access(client, "tidegate-controller", home)
    gateway = await cluster.access(client, "tidegate-gateway", home)
    async with (
        controllers(access, controller_settings(home), surroundings(CONTROLLERS)),
        replica_of(gateway, home, namespace=home) as replica,
    ):
        await Stage(client).apply(function(home, "hello"), http_trigger(home, "web", "hello"))
        await eventually(client, DEPLOYMENTS, ObjectKey(home, "hello"))
        await eventually(client, INGRESSES, ObjectKey(home, "web"))
        await replica.until_runs("web")
    for account in ("tidegate-controller", "tidegate-gateway"):
        asked = cluster.log.asked(f"{home}:{account}")
        assert refused(asked) == set()
        assert {one.namespace for one in asked} == {home}


async def test_who_writes_owner_references_has_the_right_that_some_clusters_ask_for(
    cluster: Cluster, client: KubeClient
) -> None:
    """OpenShift has OwnerReferencesPermissionEnforcement on, and so has the server here."""
    await cluster.install(client, Variant())
    (role,) = (one for one in cluster.objects if one["kind"] == "ClusterRole"
               and one["metadata"]["name"] == "tidegate-controller")  # fmt: skip
    access = await cluster.access(client, "tidegate-controller")
    async with connected(access) as controller:
        for kind, obj in {
            "Function": grown_function(SHOP),
            "HTTPTrigger": triggers(SHOP)[0],
        }.items():
            owner = await client.apply(OWN[kind], {**obj, "metadata": {
                "namespace": SHOP, "name": f"owner-of-{kind.lower()}"}})  # fmt: skip
            child = config_map(SHOP, f"child-of-{kind.lower()}")
            child["metadata"]["ownerReferences"] = [owner_reference(owner)]
            await controller.apply(CONFIG_MAPS, child)
            await client.delete(CONFIG_MAPS, key_of(child))
            less = [one for one in role["rules"] if not one["resources"][0].endswith(BY_PLUGIN)]
            await client.apply(resource_of(role), {**role, "rules": less})
            await _until_denied(controller, child)
            await client.apply(resource_of(role), role)


async def _until_denied(client: KubeClient, child: Object) -> None:
    """Return once `child` may not be made; an API server learns of a changed role a little late."""
    with pytest.raises(Forbidden, match="blockOwnerDeletion"):
        async with asyncio.timeout(PATIENCE):
            while True:
                await client.apply(CONFIG_MAPS, child)
                await client.delete(CONFIG_MAPS, key_of(child))


def cluster_settings() -> ControllerSettings:
    """What a controller of the whole cluster is told."""
    return replace(controller_settings(HOME), functions_namespace="")
