"""What people may do who have the roles of the manifests, on a real API server.

No controller here joins them to Kubernetes's own roles, so they are bound as they are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.fakes.kube_cluster import new_namespace
from tests.fakes.kube_server import KubeServer
from tests.kube.accounts import ROLE_BINDINGS, SERVICE_ACCOUNTS, token_of
from tests.support.controllers import function_object
from tidegate.cli.cluster.bundle import Variant, bundle, resource_of
from tidegate.cli.cluster.options import HOME
from tidegate.cli.place.kinds import FUNCTIONS, TRIGGERS
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.errors import Forbidden, KubeError, NotFound
from tidegate.kube.objects import ObjectKey
from tidegate.kube.resources import NAMESPACES, PODS, SECRETS
from tidegate.kube.selection import Selection

pytestmark = pytest.mark.timeout(180)

NATS_TRIGGER: dict[str, Any] = {"topic": "orders", "functionSelector": {}}


ROLES = {
    one["metadata"]["name"]: one
    for one in bundle(Variant())
    if one["kind"] in ("Role", "ClusterRole")
}


@pytest.fixture
async def admin(defined: KubeServer) -> AsyncIterator[KubeClient]:
    async with connected(defined.access()) as one:
        await one.apply(NAMESPACES, {"metadata": {"name": HOME}}, force=True)
        yield one


@asynccontextmanager
async def person(
    server: KubeServer, admin: KubeClient, namespace: str, *names: str
) -> AsyncIterator[KubeClient]:
    """Somebody who has these roles in a namespace."""
    account = f"person-{'-'.join(names)}"
    await admin.apply(
        SERVICE_ACCOUNTS, {"metadata": {"namespace": namespace, "name": account}}, force=True
    )
    for name in names:
        wanted = ROLES[name]
        await admin.apply(resource_of(wanted), wanted, force=True)
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": wanted["kind"], "name": name}
        binding = {
            "metadata": {"namespace": namespace, "name": f"{account}-{name}"},
            "roleRef": reference,
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
        }
        await admin.apply(ROLE_BINDINGS, binding, force=True)
    token = await token_of(admin, namespace, account)
    async with connected(server.access(token)) as one:
        yield one


async def may(ask: Callable[[], Awaitable[object]]) -> bool:
    """Tell whether RBAC lets `ask` through, whatever becomes of it then."""
    try:
        await ask()
    except Forbidden:
        return False
    except KubeError:
        return True
    return True


async def test_who_may_view_reads_every_kind_and_changes_none(
    defined: KubeServer, admin: KubeClient
) -> None:
    namespace = await new_namespace(admin)
    await admin.create(FUNCTIONS, function_object(namespace))
    async with person(defined, admin, namespace, "tidegate-view") as viewer:
        for resource in (FUNCTIONS, *TRIGGERS.values()):
            assert (await viewer.list(Selection(resource, namespace))).version
            with pytest.raises(Forbidden):
                await viewer.delete(resource, ObjectKey(namespace, "hello"))
        with pytest.raises(Forbidden):
            await viewer.create(FUNCTIONS, function_object(namespace, "other"))
        with pytest.raises(Forbidden):
            await viewer.list(Selection(FUNCTIONS, HOME))


async def test_who_may_edit_makes_changes_and_removes_triggers(
    defined: KubeServer, admin: KubeClient
) -> None:
    namespace = await new_namespace(admin)
    key, resource = ObjectKey(namespace, "orders"), TRIGGERS["nats"]
    async with person(defined, admin, namespace, "tidegate-view", "tidegate-edit") as editor:
        metadata = {"name": "orders", "namespace": namespace}
        await editor.create(resource, {"metadata": metadata, "spec": NATS_TRIGGER})
        changed = await editor.get(resource, key)
        changed["spec"]["topic"] = "other"
        await editor.update(resource, changed)
        await editor.patch(resource, key, {"spec": {"topic": "third"}})
        with pytest.raises(Forbidden):
            await editor.patch_status(resource, key, {"lag": 1})
        await editor.delete(resource, key)
        with pytest.raises(NotFound):
            await editor.get(resource, key)


async def test_who_operates_reads_the_one_secret_and_asks_gateways(
    defined: KubeServer, admin: KubeClient
) -> None:
    async with person(defined, admin, HOME, "tidegate-operator") as operator:
        assert await may(lambda: operator.get(SECRETS, ObjectKey(HOME, "tidegate-admin")))
        assert not await may(lambda: operator.get(SECRETS, ObjectKey(HOME, "other")))
        assert not await may(lambda: operator.list(Selection(SECRETS, HOME)))
        assert await may(lambda: operator.list(Selection(PODS, HOME)))
        gateway = ObjectKey(HOME, "gateway:8081")
        assert await may(lambda: operator.get(PODS, gateway, "proxy"))
        assert not await may(lambda: operator.delete(PODS, gateway))


@pytest.mark.parametrize(
    ("name", "joined"),
    [("tidegate-view", ["admin", "edit", "view"]), ("tidegate-edit", ["admin", "edit"])],
)
def test_the_roles_join_those_of_kubernetes(name: str, joined: list[str]) -> None:
    labels = ROLES[name]["metadata"]["labels"]
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    found = [key.removeprefix(prefix) for key, value in labels.items() if value == "true"]
    assert sorted(found) == joined
