"""Reads triggers of all kinds at a place, and what its gateways say of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.names import unknown
from tidegate.cli.place.kinds import TRIGGERS
from tidegate.cli.place.place import GatewayAdmin, Place
from tidegate.cli.place.together import together
from tidegate.cli.triggers.objects import Object
from tidegate.kube.errors import Forbidden, KubeError, NotFound, Unavailable
from tidegate.kube.resources import Resource
from tidegate.kube.selection import Selection

TIMEOUT = 10.0
"""For what a gateway reads from memory. Seconds."""

PAGES = 100
"""Answers of one gateway that are asked for: a thousand subscriptions each."""

Row = dict[str, Any]


async def triggers(place: Place, namespace: str, words: Iterable[str] = TRIGGERS) -> list[Object]:
    """Return the triggers of these kinds; an empty `namespace` is all of them."""
    asked = (_listed(place, TRIGGERS[word], namespace) for word in words)
    return [obj for found in await together(asked) for obj in found]


async def named(place: Place, name: str, words: Iterable[str] = TRIGGERS) -> list[Object]:
    """Return the triggers of that name. Raises `CommandError` with the nearest names."""
    every = await triggers(place, place.namespace, words)
    found = [one for one in every if one["metadata"]["name"] == name]
    if not found:
        names = [one["metadata"]["name"] for one in every]
        sentence = (
            unknown("trigger", name, names)
            if names
            else f"there is no trigger {name!r}; there is none in namespace {place.namespace}"
        )
        raise CommandError(sentence, ExitCode.USAGE)
    return found


async def told(place: Place) -> tuple[list[Row], str]:
    """Return the rows of all gateways, and why some are missing; empty when none are."""
    try:
        gateways = await place.gateways()
    except (Forbidden, Unavailable) as error:
        return [], str(error)
    answers = await together(_told_by(one, place.is_laptop) for one in gateways)
    missing = next((sentence for _, sentence in answers if sentence), "")
    return [row for rows, _ in answers for row in rows], missing


async def _listed(place: Place, resource: Resource, namespace: str) -> list[Object]:
    return (await place.objects.list(Selection(resource, namespace))).items


async def _told_by(gateway: GatewayAdmin, is_laptop: bool) -> tuple[list[Row], str]:
    try:
        if is_laptop:
            return await _read(gateway, "/triggers", {}), ""
        return await subscriptions_of(gateway), ""
    except KubeError as error:
        return [], str(error)


async def subscriptions_of(gateway: GatewayAdmin) -> list[Row]:
    """Return what runs in one gateway of a cluster. Raises `KubeError`."""
    rows: list[Row] = []
    query: dict[str, str] = {}
    for _ in range(PAGES):
        page = await _read(gateway, "/subscriptions", query)
        rows += page
        if not page or (query and page[-1]["id"] <= query["after"]):
            break
        query = {"after": page[-1]["id"]}
    return rows


async def _read(gateway: GatewayAdmin, path: str, query: dict[str, str]) -> list[Row]:
    async with gateway.request("GET", path, query, timeout=TIMEOUT) as answer:
        body = await answer.read()
    if answer.status != 200:
        raise NotFound(f"gateway {gateway.name}: it answered {path} with status {answer.status}")
    rows: list[Row] = orjson.loads(body)
    return rows
