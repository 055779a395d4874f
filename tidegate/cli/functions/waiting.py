"""Waits at a place until a function takes calls, or says why it does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from tidegate.cli.errors import CommandError
from tidegate.cli.place.kinds import FUNCTIONS
from tidegate.cli.place.place import Place
from tidegate.cli.progress import Progress
from tidegate.kube.errors import Gone, Unavailable
from tidegate.kube.objects import Object, ObjectKey, version_of
from tidegate.kube.selection import Selection

BREATH = 0.2
"""Between two watches: one that ends at once must not become a loop. Seconds."""


async def ready(place: Place, function: Object, patience: float) -> None:
    """Return when the version `function` takes calls. Raises `CommandError` with the reason."""
    key = ObjectKey(place.namespace, function["metadata"]["name"])
    generation = function["metadata"].get("generation", 0)
    last = "nobody has looked at it yet; do the controllers run?"
    with Progress() as progress:
        ticking = asyncio.create_task(progress.ticking(), name="progress")
        try:
            async with asyncio.timeout(patience):
                async for one in _versions(place, key):
                    said = _said(one, generation)
                    if said is not None:
                        last = said or "its processes are starting"
                        progress.say(f"{key.name}: {_first_line(last)}")
                    elif _is_about(one, generation):
                        return
        except TimeoutError as error:
            raise CommandError(
                f"function {key.name} does not take calls after {patience:.0f} s: {last}"
            ) from error
        finally:
            ticking.cancel()
    raise CommandError(f"function {key.name} was deleted meanwhile")


async def _versions(place: Place, key: ObjectKey) -> AsyncIterator[Object]:
    """Yield the object as it is, and again whenever it changes; ends when it is gone."""
    chosen = Selection(FUNCTIONS, key.namespace, fields=f"metadata.name={key.name}")
    while True:
        page = await place.objects.list(chosen)
        if not page.items:
            return
        yield page.items[0]
        with suppress(Gone, Unavailable):  # then it is read anew
            async with place.objects.watch(chosen, page.version) as watch:
                async for event in watch:
                    if event.type == "DELETED":
                        return
                    if version_of(event.object):
                        yield event.object
        await asyncio.sleep(BREATH)


def _is_about(function: Object, generation: int) -> bool:
    return bool((function.get("status") or {}).get("observedGeneration", -1) >= generation)


def _said(function: Object, generation: int) -> str | None:
    """Return what the function waits for; None when it takes calls, or nobody has looked yet.

    Raises `CommandError` when somebody must do something first.
    """
    if not _is_about(function, generation):
        return None
    conditions = (function.get("status") or {}).get("conditions") or ()
    found: Object = next((one for one in conditions if one.get("type") == "Ready"), {})
    message = str(found.get("message") or found.get("reason") or "")
    match found.get("status"):
        case "True":
            return None
        case "False":
            name = function["metadata"]["name"]
            raise CommandError(f"function {name} does not take calls: {message}")
        case _:
            return message


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else ""
