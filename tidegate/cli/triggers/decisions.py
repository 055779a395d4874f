"""What gateways remember of the last events of a trigger."""

from __future__ import annotations

from typing import Any

import orjson

from tidegate.cli.place.place import GatewayAdmin, Place
from tidegate.cli.triggers.objects import Object
from tidegate.kube.errors import Forbidden, KubeError, NotFound

LAST = 5
"""How many a description shows."""

TIMEOUT = 10.0
"""For what a gateway reads from memory. Seconds."""

Row = dict[str, Any]


async def decisions(place: Place, trigger: Object, limit: int = LAST) -> list[Row]:
    """Return the last decisions of all gateways that can be asked, newest first."""
    try:
        gateways = await place.gateways()
    except (Forbidden, NotFound):
        return []
    metadata = trigger["metadata"]
    query = {
        "namespace": metadata.get("namespace", ""),
        "kind": trigger["kind"],
        "trigger": metadata["name"],
        "limit": str(limit),
    }
    rows = [row for one in gateways for row in await _of(one, query)]
    return sorted(rows, key=_at, reverse=True)[:limit]


def _at(row: Row) -> str:
    return str(row.get("settledAt") or row.get("receivedAt"))


async def _of(gateway: GatewayAdmin, query: dict[str, str]) -> list[Row]:
    """Ask one gateway; one that does not answer is missed elsewhere already."""
    try:
        async with gateway.request(
            "GET", "/operations/decisions", query, timeout=TIMEOUT
        ) as answer:
            if answer.status != 200:
                return []
            found: list[Row] = orjson.loads(await answer.read())["decisions"]
    except KubeError:
        return []
    return found
