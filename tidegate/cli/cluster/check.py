"""What a cluster has of what Tidegate needs, and how to mend what is missing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from tidegate.cli.cluster.install import is_established
from tidegate.cli.cluster.kustomize import Object
from tidegate.cli.cluster.rights import Grant, granted, is_granted
from tidegate.kube.client import KubeClient
from tidegate.kube.discovery import served_groups, server_version
from tidegate.kube.errors import Forbidden, NotFound
from tidegate.kube.objects import ObjectKey, key_of
from tidegate.kube.resources import CUSTOM_RESOURCE_DEFINITIONS, DEPLOYMENTS, Resource
from tidegate.kube.selection import Selection

OLDEST: Final = (1, 30)
"""The first Kubernetes whose definitions can hold our rules (`optionalOldSelf`)."""

INGRESS_CLASSES: Final = Resource(
    "networking.k8s.io", "v1", "ingressclasses", "IngressClass", namespaced=False
)

_OPTIONAL_APIS: Final = {
    "metrics.k8s.io": "HPAs cannot see cpu and memory; install metrics-server",
    "custom.metrics.k8s.io": "HPAs cannot see qps; install a metrics adapter, such as that of "
    "Prometheus",
    "gateway.networking.k8s.io": "HTTPTriggers become Ingresses only; install the Gateway API to "
    "have HTTPRoutes",
}


_INSTALL = "run tidegate install"
_LISTED = 3
"""Missing rights that are named; usually all of a role are missing, or one."""


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"
    """Something that one may want is not there."""
    MISSING = "missing"
    """Tidegate does not work so."""


class Seen(NamedTuple):
    """What a look at something told."""

    level: Level
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and what to do about it."""

    level: Level
    subject: str
    message: str

    @property
    def fatal(self) -> bool:
        """Whether Tidegate does not work."""
        return self.level is Level.MISSING

    def __str__(self) -> str:
        return f"{self.level.value:8}{self.subject}: {self.message}"


async def findings(client: KubeClient, objects: Sequence[Object]) -> AsyncIterator[Finding]:
    """Look for all that the installation of `objects` needs, one thing after the other.

    Raises `KubeError` when nothing answers.
    """
    yield await _version(client)
    for one in objects:
        key = key_of(one)
        match one["kind"]:
            case "CustomResourceDefinition":
                yield await _looked(f"CustomResourceDefinition {key}", _definition(client, one))
            case "ServiceAccount":
                wanted = sorted(granted(objects, key.name))
                yield await _looked(f"rights of {key}", _rights(client, key, wanted))
            case "Deployment":
                yield await _looked(f"Deployment {key}", _deployment(client, key))
    yield await _looked("IngressClass", _ingress_classes(client))
    served = await served_groups(client)
    for group, advice in _OPTIONAL_APIS.items():
        if group in served:
            yield Finding(Level.OK, f"API {group}", "served")
        else:
            yield Finding(Level.NOTE, f"API {group}", f"not served: {advice}")


async def _looked(subject: str, look: Coroutine[Any, Any, Seen]) -> Finding:
    """Return what `look` found, also that we have no right to look."""
    try:
        seen = await look
    except Forbidden as error:
        seen = Seen(Level.NOTE, f"you have no right to look: {error}")
    return Finding(seen.level, subject, seen.message)


async def _version(client: KubeClient) -> Finding:
    version = await server_version(client)
    if (version.major, version.minor) >= OLDEST:
        return Finding(Level.OK, "Kubernetes", version.text)
    oldest = ".".join(map(str, OLDEST))
    return Finding(
        Level.MISSING, "Kubernetes", f"{version.text} is too old; {oldest} or newer is needed"
    )


async def _definition(client: KubeClient, ours: Object) -> Seen:
    try:
        found = await client.get(CUSTOM_RESOURCE_DEFINITIONS, key_of(ours))
    except NotFound:
        return Seen(Level.MISSING, f"not installed; {_INSTALL}")
    if _schemas(found) != _schemas(ours):
        return Seen(Level.MISSING, f"that of another version of Tidegate; {_INSTALL}")
    if not is_established(found):
        return Seen(Level.MISSING, f"not established; look at kubectl describe crd {key_of(ours)}")
    return Seen(Level.OK, "installed, of this version")


def _schemas(crd: Object) -> dict[str, Object]:
    return {one["name"]: one.get("schema", {}) for one in crd["spec"]["versions"]}


async def _rights(client: KubeClient, account: ObjectKey, wanted: Sequence[Grant]) -> Seen:
    lacking = [grant for grant in wanted if not await is_granted(client, account, grant)]
    if not lacking:
        return Seen(Level.OK, f"all {len(wanted)} granted")
    listed = ", ".join(map(str, lacking[:_LISTED]))
    more = f" and {len(lacking) - _LISTED} more" if len(lacking) > _LISTED else ""
    return Seen(Level.MISSING, f"may not {listed}{more}; {_INSTALL}")


async def _deployment(client: KubeClient, key: ObjectKey) -> Seen:
    try:
        found = await client.get(DEPLOYMENTS, key)
    except NotFound:
        return Seen(Level.MISSING, f"not there; {_INSTALL}, or name its namespace by -n")
    wanted = found["spec"].get("replicas", 1)
    available = (found.get("status") or {}).get("availableReplicas", 0)
    if wanted and available:
        level = Level.OK if available >= wanted else Level.NOTE
        return Seen(level, f"{available} of {wanted} replicas available")
    look = f"kubectl -n {key.namespace} describe pods -l app.kubernetes.io/name={key.name}"
    return Seen(Level.MISSING, f"none of {wanted} replicas is available; look at {look}")


async def _ingress_classes(client: KubeClient) -> Seen:
    found = (await client.list(Selection(INGRESS_CLASSES))).items
    names = ", ".join(sorted(one["metadata"]["name"] for one in found))
    if found:
        return Seen(Level.OK, names)
    return Seen(
        Level.NOTE,
        "there is none: HTTPTriggers are reached inside the cluster only; install an ingress "
        "controller",
    )
