"""What an API server is, and what it serves."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tidegate.kube.call import Address
from tidegate.kube.client import KubeClient
from tidegate.kube.errors import NotFound
from tidegate.kube.objects import Object
from tidegate.kube.resources import Resource
from tidegate.kube.transport import Request


@dataclass(frozen=True, slots=True)
class ServerVersion:
    """The version of an API server; `text` is how it says it."""

    text: str
    major: int
    minor: int


async def server_version(client: KubeClient) -> ServerVersion:
    """Return which version answers. Raises `KubeError`."""
    said = await _ask(client, "/version")
    numbers = re.match(r"v(\d+)\.(\d+)", str(said.get("gitVersion", "")))
    major, minor = numbers.groups() if numbers else ("0", "0")
    return ServerVersion(str(said.get("gitVersion", "unknown")), int(major), int(minor))


async def served_groups(client: KubeClient) -> dict[str, set[str]]:
    """Return the versions of each group of APIs that is served. Raises `KubeError`."""
    said = await _ask(client, "/apis")
    return {
        group["name"]: {version["version"] for version in group["versions"]}
        for group in said.get("groups") or ()
    }


async def _ask(client: KubeClient, address: str) -> Object:
    call = Address("get", Resource("", "", address, ""), name=address)
    try:
        return await client.transport.ask(Request(call, "GET"))
    except NotFound:
        return {}
