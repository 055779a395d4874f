"""Least privilege from the other side: whichever right is taken away, its component says so.

Each test takes one verb on one resource out of the roles of `manifests/base`. The component runs
with what is left, on objects that make it use all of its rights, and its log must name the right.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

import gateway.sources.cron  # noqa: F401 - its library reads files when it is imported
from controllers.app import ControllerApp
from controllers.registry import CONTROLLERS
from controllers.settings import LeaseSettings
from tests.fakes.kube_cluster import new_namespace
from tests.fakes.kube_server import KubeServer
from tests.kube.accounts import SERVICE_ACCOUNTS, token_of
from tests.kube.every_object import (
    gateway_objects,
    grown_function,
    install_others,
    other_triggers,
    replace_function,
    triggers,
)
from tests.support.api_server import api_server
from tests.support.background import background
from tests.support.cluster import Stage, slice_of, starting_replica
from tests.support.controllers import (
    ELECTION,
    PATIENCE,
    controller_settings,
    controllers,
    settled,
    surroundings,
)
from tests.support.definitions import install
from tests.support.waiting import until
from tidegate.cli.cluster.bundle import resource_of
from tidegate.cli.cluster.rights import Grant, granted, is_granted
from tidegate.kube.access import Access
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.resources import ENDPOINT_SLICES

pytestmark = pytest.mark.timeout(240)

BASE = Path(__file__).parents[2] / "manifests" / "base"
STRICT = "--enable-admission-plugins=OwnerReferencesPermissionEnforcement"
USUAL = {
    "tidegate-controller": (
        "list functions.kubeless.io",
        "watch deployments.apps",
        "patch kafkatriggers.kubeless.io/status",
        "create ingresses.networking.k8s.io",
        "delete services",
        "update functions.kubeless.io/finalizers",
        "get leases.coordination.k8s.io",
    ),
    "tidegate-gateway": (
        "watch httptriggers.kubeless.io",
        "list secrets",
        "get leases.coordination.k8s.io",
        "update leases.coordination.k8s.io",
        "delete leases.coordination.k8s.io",
    ),
}
"""What is looked at on every run: each verb once, and each role. All of it is `make slow`."""


OWNED = {
    "functions": "patch configmaps grown",
    "cronjobtriggers": "patch cronjobs.batch tick",
    "httptriggers": "patch ingresses.networking.k8s.io by-",
    "services": "patch endpointslices.discovery.k8s.io tidegate-gateway-",
}
"""What is made for owners, and cannot be when their finalizers are not ours to set."""

WHEN_IT_LEAVES = "delete"
"""The verb that a gateway uses then alone."""


@dataclass(frozen=True, slots=True)
class Component:
    """What an account is granted, by one rule for each verb on each resource."""

    account: str
    objects: tuple[Object, ...]

    @property
    def grants(self) -> list[Grant]:
        """Return everything that it may."""
        return sorted(set(granted(self.objects, self.account)))

    def without(self, grant: Grant, home: str) -> Iterator[Object]:
        """Yield its roles and their bindings but for `grant`, for a component in `home`."""
        for one in self.objects:
            made = {**one, "metadata": _named(one, home)}
            if "rules" in one:
                yield {**made, "rules": list(_rules(one, grant))}
            elif "roleRef" in one:
                subjects = [{**each, "namespace": home} for each in one["subjects"]]
                yield {
                    **made,
                    "subjects": subjects,
                    "roleRef": {**one["roleRef"], "name": _at_home(one["roleRef"]["name"], home)},
                }


def _at_home(name: str, home: str) -> str:
    return f"{name}-of-{home}"


def _named(one: Object, home: str) -> Object:
    metadata = one["metadata"]
    named = {**metadata, "name": _at_home(metadata["name"], home)}
    return {**named, "namespace": home} if "namespace" in metadata else named


def _rules(role: Object, without: Grant) -> Iterator[Object]:
    """Yield one rule for each grant of a role. Namespaces do not matter: no two of the roles of an
    account grant the same."""
    for rule in role["rules"]:
        for group, resource, verb in product(rule["apiGroups"], rule["resources"], rule["verbs"]):
            if (group, resource, verb) != (without.group, without.resource, without.verb):
                names = {key: rule[key] for key in ("resourceNames",) if key in rule}
                yield {"apiGroups": [group], "resources": [resource], "verbs": [verb], **names}


def component(account: str) -> Component:
    """Return what the manifests grant to an account."""
    file = BASE / f"{account.removeprefix('tidegate-')}-rbac.yaml"
    return Component(account, tuple(yaml.safe_load_all(file.read_text())))


CONTROLLER, GATEWAY = component("tidegate-controller"), component("tidegate-gateway")


def each(one: Component) -> list[Any]:
    """Return every grant of a component as a parameter; those that are not `USUAL` are slow."""
    return [pytest.param(grant, id=_plain(grant), marks=_pace(one, grant)) for grant in one.grants]


def _pace(one: Component, grant: Grant) -> Sequence[pytest.MarkDecorator]:
    return () if _plain(grant) in USUAL[one.account] else (pytest.mark.slow,)


def _plain(grant: Grant) -> str:
    resource, _, part = grant.resource.partition("/")
    group = f".{grant.group}" if grant.group else ""
    return f"{grant.verb} {resource}{group}" + (f"/{part}" if part else "")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeServer]:
    """A server that asks for every right there is, with all definitions."""
    with api_server(tmp_path_factory.mktemp("strict"), [STRICT]) as server:
        asyncio.run(_define(server))
        yield server
    gc.collect()  # here, where its warnings are expected


async def _define(server: KubeServer) -> None:
    async with connected(server.access()) as client:
        await install(client)
        await install_others(client)


@pytest.fixture
async def client(strict: KubeServer) -> AsyncIterator[KubeClient]:
    """An administrator's client."""
    async with connected(strict.access()) as one:
        yield one


@pytest.fixture
async def home(client: KubeClient) -> str:
    """Where a component lives."""
    return await new_namespace(client)


@pytest.fixture
async def there(client: KubeClient) -> str:
    """Where the objects are that it works on."""
    return await new_namespace(client)


async def _access(
    server: KubeServer, client: KubeClient, one: Component, grant: Grant, home: str
) -> Access:
    """Return access with all that a component is granted but for `grant`, once that is so."""
    await client.create(SERVICE_ACCOUNTS, {"metadata": {"namespace": home, "name": one.account}})
    for obj in one.without(grant, home):
        if obj["kind"] != "ServiceAccount":
            await client.apply(resource_of(obj), obj)
    account = ObjectKey(home, one.account)
    async with asyncio.timeout(PATIENCE):
        for other in _one_of_each_role(one.objects, grant):
            lives = replace(other, namespace=home if other.namespace else "")
            while not await is_granted(client, account, lives):  # noqa: ASYNC110 - a server
                await asyncio.sleep(0.02)
    assert not await is_granted(client, account, replace(grant, namespace=home))
    return server.access(await token_of(client, home, one.account))


def _one_of_each_role(objects: Sequence[Object], without: Grant) -> Iterator[Grant]:
    """Yield a grant by which it can be seen that a role counts, and its binding."""
    for binding in objects:
        if "roleRef" in binding:
            (role,) = (
                one for one in objects
                if one["kind"] == binding["roleRef"]["kind"]
                and one["metadata"]["name"] == binding["roleRef"]["name"]
            )  # fmt: skip
            rule = next(_rules(role, without))
            yield Grant(
                rule["apiGroups"][0],
                rule["resources"][0],
                rule["verbs"][0],
                binding["metadata"].get("namespace", ""),
            )


@dataclass(frozen=True, slots=True)
class Missed:
    """What must be said of a right that lacks, by that account."""

    grant: Grant
    account: ObjectKey
    there: str

    def is_named(self, log: pytest.LogCaptureFixture) -> bool:
        """Tell whether a line of the log says so."""
        return any(all(part in line for part in self._parts) for line in log.messages)

    @property
    def _parts(self) -> tuple[str, ...]:
        grant = self.grant
        owner, _, part = grant.resource.partition("/")
        if part == "finalizers":
            return OWNED[owner], f"in namespace {self.there}:", "finalizers", "blockOwnerDeletion"
        user = f"system:serviceaccount:{self.account.namespace}:{self.account.name}"
        rule = f"resources ['{grant.resource}'], verbs ['{grant.verb}']"
        return user, f"apiGroups ['{grant.group}']", rule


@pytest.mark.parametrize("grant", each(CONTROLLER))
async def test_a_controller_names_the_right_that_it_lacks(
    strict: KubeServer,
    client: KubeClient,
    home: str,
    there: str,
    grant: Grant,
    caplog: pytest.LogCaptureFixture,
) -> None:
    missed = Missed(grant, ObjectKey(home, CONTROLLER.account), there)
    access = await _access(strict, client, CONTROLLER, grant, home)
    settings = replace(controller_settings(there), lease=LeaseSettings(home, times=ELECTION))
    if grant.resource == "customresourcedefinitions":  # which one of a namespace leaves alone
        settings = replace(settings, functions_namespace="")
    await client.apply(ENDPOINT_SLICES, slice_of(home, "tidegate-gateway", 8080))
    await Stage(client).apply(grown_function(there), *triggers(there))
    async with controllers(access, settings, surroundings(CONTROLLERS)) as app:
        async with background(_use_all(client, app, there), "user of a test") as using:
            await until(lambda: missed.is_named(caplog) or using.done(), PATIENCE)
            await until(lambda: missed.is_named(caplog), PATIENCE / 4)
        await until(lambda: not any("not listed" in one for one in app.waits_for()), PATIENCE)


async def _use_all(client: KubeClient, app: ControllerApp, namespace: str) -> None:
    """Change and delete what is there, so that everything made of it is changed and deleted."""
    stage = Stage(client)
    await settled(app)
    await stage.apply(*other_triggers(namespace))
    await replace_function(client, ObjectKey(namespace, "grown"))
    await settled(app)
    for one in other_triggers(namespace):
        await stage.delete(one)


@pytest.mark.parametrize("grant", each(GATEWAY))
async def test_a_gateway_names_the_right_that_it_lacks(
    strict: KubeServer,
    client: KubeClient,
    home: str,
    there: str,
    grant: Grant,
    caplog: pytest.LogCaptureFixture,
) -> None:
    missed = Missed(grant, ObjectKey(home, GATEWAY.account), there)
    access = await _access(strict, client, GATEWAY, grant, home)
    await Stage(client).apply(*gateway_objects(there))
    async with starting_replica(access, home, namespace=there) as replica:
        if grant.verb == WHEN_IT_LEAVES:
            await replica.until_ready()
            await until(lambda: replica.is_running("tick"), PATIENCE)
        else:
            await until(lambda: missed.is_named(caplog), PATIENCE)
    assert missed.is_named(caplog)


def test_what_is_looked_at_on_every_run_is_granted() -> None:
    for one in (CONTROLLER, GATEWAY):
        assert set(USUAL[one.account]) <= {_plain(grant) for grant in one.grants}
