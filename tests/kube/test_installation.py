"""The manifests on a real API server: applied, accepted by Pod Security, and checked."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.fakes.kube_cluster import new_namespace
from tests.fakes.kube_server import STRANGER, KubeServer
from tidegate.cli.app import app
from tidegate.cli.cluster.bundle import Variant, bundle, resource_of
from tidegate.cli.cluster.check import Finding, Level, findings
from tidegate.cli.cluster.install import install
from tidegate.cli.cluster.kustomize import Object
from tidegate.cli.cluster.options import Overlay
from tidegate.kube.call import Call
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.errors import ApplyConflict, Denied, Forbidden
from tidegate.kube.objects import ObjectKey, key_of, version_of
from tidegate.kube.resources import DEPLOYMENTS, NAMESPACES, PODS
from tidegate.kube.transport import Request

pytestmark = pytest.mark.timeout(180)

EVERY = pytest.mark.parametrize("overlay", Overlay)


async def variant(client: KubeClient, overlay: Overlay) -> list[Object]:
    """Return the objects of an overlay for a namespace of its own."""
    namespace = await new_namespace(client)
    return await asyncio.to_thread(bundle, Variant(overlay, namespace))


async def installed(admitting: KubeClient, overlay: Overlay) -> list[Object]:
    """Install an overlay where the definitions are, and return all of its objects."""
    objects = await variant(admitting, overlay)
    without = [one for one in objects if one["kind"] != "CustomResourceDefinition"]
    await install(admitting, without, lambda _: None, force=True)
    return objects


def home_of(objects: list[Object]) -> str:
    """Return the namespace of an installation."""
    name: str = objects[0]["metadata"]["name"]
    return name


async def checked(client: KubeClient, objects: list[Object]) -> dict[str, Finding]:
    """Return what `tidegate check` finds, by subject."""
    return {one.subject: one async for one in findings(client, objects)}


@EVERY
async def test_an_overlay_is_applied_and_applied_again_to_no_effect(
    client: KubeClient, overlay: Overlay
) -> None:
    objects = await variant(client, overlay)
    await install(client, objects, lambda _: None, force=True)
    before = [version_of(await client.get(resource_of(one), key_of(one))) for one in objects]
    said: list[str] = []
    await install(client, objects, said.append)
    after = [version_of(await client.get(resource_of(one), key_of(one))) for one in objects]
    assert after == before
    assert said[0] == f"Namespace {home_of(objects)} applied"
    assert len(said) == len(objects)


async def test_what_others_have_changed_is_theirs_until_it_is_taken_back(
    admitting: KubeClient,
) -> None:
    objects = await installed(admitting, Overlay.DEV)
    (gateway,) = (one for one in objects if one["metadata"]["name"] == "tidegate-gateway"
                  and one["kind"] == "Deployment")  # fmt: skip
    await _scale_as_kubectl(admitting, key_of(gateway), 7)
    with pytest.raises(ApplyConflict, match="replicas"):
        await install(admitting, objects, lambda _: None)
    await install(admitting, objects, lambda _: None, force=True)
    live = await admitting.get(DEPLOYMENTS, key_of(gateway))
    assert live["spec"]["replicas"] == gateway["spec"]["replicas"]


async def _scale_as_kubectl(client: KubeClient, key: ObjectKey, replicas: int) -> None:
    call = Call("patch", DEPLOYMENTS, key.namespace, key.name)
    change = {"spec": {"replicas": replicas}}
    params = {"fieldManager": "kubectl"}
    content_type = "application/merge-patch+json"
    await client.transport.ask(Request(call, "PATCH", params, change, content_type))


@EVERY
async def test_pod_security_restricted_takes_its_pods(
    admitting: KubeClient, overlay: Overlay
) -> None:
    objects = await installed(admitting, overlay)
    home = home_of(objects)
    labels = (await admitting.get(NAMESPACES, ObjectKey("", home)))["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    for one in objects:
        if one["kind"] == "Deployment":
            await admitting.create(PODS, _pod(one, one["metadata"]["name"]))
            loose = _pod(one, "loose")
            del loose["spec"]["securityContext"]["seccompProfile"]
            with pytest.raises((Denied, Forbidden), match="restricted"):
                await admitting.create(PODS, loose)


def _pod(deployment: Object, name: str) -> Object:
    template = deployment["spec"]["template"]
    namespace = deployment["metadata"]["namespace"]
    spec = {**template["spec"], "securityContext": {**template["spec"]["securityContext"]}}
    return {"metadata": {"namespace": namespace, "name": name}, "spec": spec}


@EVERY
async def test_a_running_installation_lacks_nothing(
    admitting: KubeClient, overlay: Overlay
) -> None:
    objects = await installed(admitting, overlay)
    for one in objects:
        if one["kind"] == "Deployment":
            status = {"replicas": 3, "availableReplicas": 3, "readyReplicas": 3}
            await admitting.patch_status(DEPLOYMENTS, key_of(one), status)
    found = await checked(admitting, objects)
    assert [str(one) for one in found.values() if one.fatal] == []
    assert (
        found["CustomResourceDefinition functions.kubeless.io"].message
        == "installed, of this version"
    )
    assert found["API metrics.k8s.io"].level is Level.NOTE


async def test_a_deployment_without_a_pod_is_missing_and_told_how_to_look_at(
    admitting: KubeClient,
) -> None:
    objects = await installed(admitting, Overlay.DEV)
    home = home_of(objects)
    found = (await checked(admitting, objects))[f"Deployment {home}/tidegate-gateway"]
    assert str(found) == (
        f"missing Deployment {home}/tidegate-gateway: none of 1 replicas is available; look at "
        f"kubectl -n {home} describe pods -l app.kubernetes.io/name=tidegate-gateway"
    )


async def test_a_rule_that_was_taken_away_is_named(admitting: KubeClient) -> None:
    objects = await installed(admitting, Overlay.NAMESPACE_SCOPED)
    home = home_of(objects)
    (role,) = (one for one in objects if one["kind"] == "Role"
               and one["metadata"]["name"] == "tidegate-gateway-home")  # fmt: skip
    less = [{**rule, "verbs": ["get"]} for rule in role["rules"]]
    await admitting.apply(resource_of(role), {**role, "rules": less})
    found = (await checked(admitting, objects))[f"rights of {home}/tidegate-gateway"]
    assert found.fatal
    assert found.message == (
        f"may not create leases.coordination.k8s.io in {home}, delete leases.coordination.k8s.io "
        f"in {home}, list leases.coordination.k8s.io in {home} and 3 more; run tidegate install"
    )


async def test_the_definition_of_another_version_is_told_from_ours(admitting: KubeClient) -> None:
    objects = copy.deepcopy(await installed(admitting, Overlay.DEV))
    name = "natstriggers.kubeless.io"
    (crd,) = (one for one in objects if one["metadata"]["name"] == name)
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"] = "Newer."
    found = (await checked(admitting, objects))[f"CustomResourceDefinition {name}"]
    assert found.message == "that of another version of Tidegate; run tidegate install"


async def test_who_may_not_look_is_told_so_and_not_that_it_is_missing(
    kube_server: KubeServer,
) -> None:
    async with connected(kube_server.access(STRANGER)) as stranger:
        found = await checked(stranger, await asyncio.to_thread(bundle, Variant()))
    assert {one.level for one in found.values() if one.subject.startswith("rights")} == {Level.NOTE}
    assert "you have no right to look" in found["IngressClass"].message


@pytest.fixture
def invoke(kube_server: KubeServer, tmp_path: Path) -> Callable[..., Result]:
    """Run the command against the shared server."""
    path = kube_server.kubeconfig(tmp_path / "config")

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--kubeconfig", str(path)])

    return run


def test_the_command_installs_and_then_says_what_does_not_run_yet(
    invoke: Callable[..., Result],
) -> None:
    namespace = "tidegate-by-command"
    done = invoke("install", "--overlay", "ha", "--namespace", namespace, "--force")
    assert done.exit_code == 0
    assert done.stdout.endswith("installed; tidegate check tells when it runs\n")
    looked = invoke("check", "--namespace", namespace)
    assert looked.exit_code == 1
    missing = [line for line in looked.stdout.splitlines() if line.startswith("missing")]
    assert [line.split()[2] for line in missing] == [
        f"{namespace}/tidegate-controller:",
        f"{namespace}/tidegate-gateway:",
    ]
