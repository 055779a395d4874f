"""What runs in a cluster's pods, and what they print."""

from __future__ import annotations

from collections.abc import AsyncIterator

from tidegate.kube.call import Call
from tidegate.kube.client import KubeClient
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.resources import PODS
from tidegate.kube.selection import Selection
from tidegate.kube.transport import Request, translated


async def pods(client: KubeClient, namespace: str, labels: str) -> list[Object]:
    """Return the pods with these labels, the oldest first. Raises `KubeError`."""
    found = (await client.list(Selection(PODS, namespace, labels))).items
    return sorted(found, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))


def is_ready(pod: Object) -> bool:
    """Tell whether the pod takes calls."""
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


async def log_lines(
    client: KubeClient, key: ObjectKey, params: dict[str, str]
) -> AsyncIterator[bytes]:
    """Yield what a container prints, line by line; `params` are those of the API server.

    Raises `KubeError`, such as `Invalid` while the container waits to start.
    """
    call = Call("get", PODS, key.namespace, key.name, "log")
    async with client.transport.stream(Request(call, "GET", params, accept="*/*")) as content:
        rest = b""
        with translated(call):
            async for chunk in content.iter_any():
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    yield line
        if rest:
            yield rest
