"""Applies an installation: in order, by server-side apply, again as often as one likes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tidegate.cli.cluster.bundle import resource_of
from tidegate.cli.cluster.kustomize import Object
from tidegate.kube.client import KubeClient
from tidegate.kube.errors import Unavailable
from tidegate.kube.objects import key_of, version_of
from tidegate.kube.resources import CUSTOM_RESOURCE_DEFINITIONS
from tidegate.kube.selection import Selection

ESTABLISHED_TIMEOUT = 60.0
"""For the API server to serve a new definition; it takes about a second."""


async def install(
    client: KubeClient, objects: list[Object], said: Callable[[str], None], *, force: bool = False
) -> None:
    """Apply `objects` in order, and tell each through `said`.

    With `force` fields that others have set meanwhile, such as a scaled replica count, are taken
    back. Raises `KubeError`; what was applied until then stays.
    """
    for obj in objects:
        applied = await client.apply(resource_of(obj), obj, force=force)
        if obj["kind"] == "CustomResourceDefinition":
            await _established(client, applied)
        said(f"{obj['kind']} {key_of(obj)} applied")


async def _established(client: KubeClient, crd: Object) -> None:
    """Return when objects of `crd` can be made."""
    name = crd["metadata"]["name"]
    chosen = Selection(CUSTOM_RESOURCE_DEFINITIONS, fields=f"metadata.name={name}")
    try:
        async with asyncio.timeout(ESTABLISHED_TIMEOUT):
            while not is_established(crd):
                async with client.watch(chosen, version_of(crd), ESTABLISHED_TIMEOUT) as watch:
                    async for event in watch:
                        crd = {**crd, **event.object}
                        if is_established(crd):
                            return
    except TimeoutError as error:
        raise Unavailable(
            f"CustomResourceDefinition {name}: not established after {ESTABLISHED_TIMEOUT:.0f} s; "
            f"look at kubectl describe crd {name}"
        ) from error


def is_established(crd: Object) -> bool:
    """Tell whether the API server serves what `crd` defines."""
    conditions = (crd.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)
