"""Our definitions on an API server, and the resources that they make."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from tidegate.api.crds import definition
from tidegate.api.kinds import CUSTOM_KINDS
from tidegate.api.metadata import GROUP, VERSION
from tidegate.kube.client import KubeClient
from tidegate.kube.errors import NotServed
from tidegate.kube.objects import Object, key_of
from tidegate.kube.resources import CUSTOM_RESOURCE_DEFINITIONS, Resource
from tidegate.kube.selection import Selection

KINDS: Final = {kind: Resource(GROUP, VERSION, f"{kind.lower()}s", kind) for kind in CUSTOM_KINDS}


async def install(client: KubeClient, kinds: Iterable[str] = CUSTOM_KINDS) -> None:
    """Apply the definitions and wait until objects of them are served."""
    for kind in kinds:
        await install_one(client, definition(kind))


async def install_one(client: KubeClient, crd: Object) -> None:
    """Apply a definition and wait until the API server has accepted it."""
    await client.apply(CUSTOM_RESOURCE_DEFINITIONS, crd, force=True)
    async with asyncio.timeout(60):
        while not await _is_served(client, crd):  # noqa: ASYNC110 - nothing tells when it is
            await asyncio.sleep(0.1)


async def _is_served(client: KubeClient, crd: Object) -> bool:
    stored = await client.get(CUSTOM_RESOURCE_DEFINITIONS, key_of(crd))
    conditions: list[dict[str, Any]] = stored.get("status", {}).get("conditions") or []
    states = {one["type"]: one["status"] for one in conditions}
    assert states.get("NonStructuralSchema") != "True", conditions
    if states.get("Established") != "True":
        return False
    spec = crd["spec"]
    version = spec["versions"][0]["name"]
    names = spec["names"]
    resource = Resource(spec["group"], version, names["plural"], names["kind"])
    try:
        await client.list(Selection(resource, "default"))
    except NotServed:
        return False
    return True
