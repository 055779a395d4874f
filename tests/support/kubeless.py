"""What Kubeless has left in a cluster that has been upgraded under it."""

from __future__ import annotations

import asyncio
from typing import Final

from tests.fakes.kube_server import KubeServer
from tests.support.definitions import KINDS
from tidegate.kube.client import KubeClient
from tidegate.kube.errors import KubeError
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.resources import CUSTOM_RESOURCE_DEFINITIONS
from tidegate.kube.selection import Selection

LONG_AGO: Final = "2021-02-01T00:00:00Z"


def old_definition(kind: str) -> Object:
    """The definition as an API server of `apiextensions.k8s.io/v1beta1` stored it: no schema."""
    plural = KINDS[kind].plural
    names = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    conditions = [
        {"type": name, "status": "True", "reason": "Accepted", "lastTransitionTime": LONG_AGO}
        for name in ("NamesAccepted", "Established")
    ]
    return {
        "apiVersion": "apiextensions.k8s.io/v1beta1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.kubeless.io",
            "uid": f"00000000-0000-4000-8000-{len(plural):012}",
            "creationTimestamp": LONG_AGO,
            "generation": 1,
        },
        "spec": {
            "group": "kubeless.io",
            "version": "v1beta1",
            "versions": [{"name": "v1beta1", "served": True, "storage": True}],
            "names": names,
            "scope": "Namespaced",
            "preserveUnknownFields": True,
            "conversion": {"strategy": "None"},
        },
        "status": {
            "acceptedNames": names,
            "storedVersions": ["v1beta1"],
            "conditions": conditions,
        },
    }


async def plant_definitions(server: KubeServer, client: KubeClient) -> None:
    """Leave Kubeless's definitions in etcd, and return when objects of them are served."""
    for kind in KINDS:
        obj = old_definition(kind)
        path = f"apiextensions.k8s.io/customresourcedefinitions/{obj['metadata']['name']}"
        await asyncio.to_thread(server.store, path, obj)
    async with asyncio.timeout(60):
        for resource in KINDS.values():
            while not await _is_served(client, Selection(resource, "default")):  # noqa: ASYNC110
                await asyncio.sleep(0.1)  # nothing tells when it is


async def _is_served(client: KubeClient, selection: Selection) -> bool:
    try:
        await client.list(selection)
    except KubeError:
        return False
    return True


async def condition_of(client: KubeClient, kind: str, condition: str) -> str:
    """Return the status of a condition of a definition; empty when it has none."""
    key = ObjectKey("", f"{KINDS[kind].plural}.kubeless.io")
    status = (await client.get(CUSTOM_RESOURCE_DEFINITIONS, key)).get("status") or {}
    conditions = status.get("conditions") or []
    return next((one["status"] for one in conditions if one["type"] == condition), "")
