"""The routes of `tidegate dlq`: below `/operations/dead-letters`."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any

from aiohttp import web

from gateway.core.dead_letter import Letter
from gateway.dead_letters import DeadLetters
from gateway.errors import SinkUnavailable
from gateway.letters.selection import Selection, split_id
from gateway.redrive import Result
from gateway.server.answers import UnknownName, json_answer, json_body, lines, saying, whole

MOST_LISTED = 10_000
MOST_SELECTED = 10_000
RATES = (0.1, 10_000.0)
"""Letters a second that a redrive may ask for."""


class DeadLetterRoutes:
    """Lists, shows, redrives and purges what `DeadLetters` finds."""

    def __init__(self, letters: Callable[[], DeadLetters]) -> None:
        self._letters = letters

    def extend(self, application: web.Application) -> None:
        """Add the routes."""
        router = application.router
        router.add_get("/dead-letters", saying(self._list))
        router.add_get("/dead-letters/{id}", saying(self._show))
        router.add_post("/dead-letters/redrive", saying(self._redrive))
        router.add_post("/dead-letters/purge", saying(self._purge))

    async def _list(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        selection = Selection(
            namespace=query.get("namespace", ""), trigger=query.get("trigger", "")
        )
        rows = await self._rows(selection, whole(query.get("limit", ""), 100, MOST_LISTED))
        return json_answer({"letters": rows, "elsewhere": self._letters().elsewhere(selection)})

    async def _show(self, request: web.Request) -> web.StreamResponse:
        id = request.match_info["id"]
        selection = Selection(ids=frozenset((id,)))
        async with aclosing(self._letters().letters(selection)) as letters:
            async for place, letter in letters:
                shown = details(letter, place)
                if request.query.get("payload") == "1":
                    shown |= payload(letter)
                return json_answer(shown)
        raise UnknownName(f"there is no dead letter {id!r}; tidegate dlq list has them")

    async def _redrive(self, request: web.Request) -> web.StreamResponse:
        body = await json_body(request)
        selection, rate = _selection(body), body.get("rate")
        if not isinstance(rate, int | float) or not RATES[0] <= rate <= RATES[1]:
            raise ValueError(f"rate {rate!r} is not between {RATES[0]} and {RATES[1]}")
        self._check_is_here(selection)
        total = await self._letters().count(selection)
        async with lines(request) as (response, out):
            await out.write({"total": total})

            async def tell(result: Result) -> None:
                unknown = {"unknown": True} if result.unknown else {}
                await out.write({"id": result.id, "error": result.error, **unknown})

            try:
                await self._letters().redrive(selection, rate, tell)
            except SinkUnavailable as error:
                await out.write({"id": "", "error": str(error)})
        return response

    async def _purge(self, request: web.Request) -> web.StreamResponse:
        selection = _selection(await json_body(request))
        self._check_is_here(selection)
        purged = await self._letters().purge(selection)
        return json_answer({"purged": purged.count, "remarks": purged.remarks})

    def _check_is_here(self, selection: Selection) -> None:
        """Raise `ValueError` for a trigger that was named and whose letters are elsewhere."""
        if selection.trigger and (elsewhere := self._letters().elsewhere(selection)):
            raise ValueError(elsewhere[0])

    async def _rows(self, selection: Selection, limit: int) -> list[dict[str, Any]]:
        """Return the oldest letters, each once: a crash may have written one twice."""
        rows: dict[str, dict[str, Any]] = {}
        async with aclosing(self._letters().letters(selection)) as letters:
            async for place, letter in letters:
                rows[letter.id] = row(letter, place)
                if len(rows) >= limit:
                    break
        return list(rows.values())


def row(letter: Letter, place: str) -> dict[str, Any]:
    """Return one letter as it is listed. Field names are stable."""
    namespace, kind, trigger, function = split_id(letter.subscription)
    return {
        "id": letter.id,
        "namespace": namespace,
        "kind": kind,
        "trigger": trigger,
        "function": function,
        "reason": letter.reason,
        "error": letter.error,
        "code": letter.code,
        "attempts": letter.attempts,
        "firstFailed": letter.first_failed,
        "lastFailed": letter.last_failed,
        "position": letter.position,
        "bytes": len(letter.event.data or b""),
        "place": place,
    }


def details(letter: Letter, place: str) -> dict[str, Any]:
    """Return one letter with the attributes of its event."""
    event = letter.event
    names = ("id", "source", "type", "subject", "time", "datacontenttype", "dataschema")
    attributes = {name: event.attribute(name) for name in names}
    known = {name: text for name, text in attributes.items() if text is not None}
    return {**row(letter, place), "event": {**known, **event.extensions}}


def payload(letter: Letter) -> dict[str, str]:
    """Return the bytes of the event: as text where they are text, else in base64."""
    data = letter.event.data or b""
    try:
        return {"data": data.decode()}
    except UnicodeDecodeError:
        return {"dataBase64": base64.b64encode(data).decode()}


def _selection(body: Mapping[str, Any]) -> Selection:
    """Read who is meant. All of them must be asked for: an empty wish is a mistake."""
    ids, namespace, trigger = (body.get(name) for name in ("ids", "namespace", "trigger"))
    if not (isinstance(ids, list) and all(isinstance(id, str) for id in ids)):
        raise ValueError("ids is no list of ids")
    only = body.get("subscriptions", [])
    if not (isinstance(only, list) and all(isinstance(id, str) for id in only)):
        raise ValueError("subscriptions is no list of ids")
    if not (isinstance(namespace, str) and isinstance(trigger, str)):
        raise ValueError("namespace and trigger are no names")
    if len(ids) > MOST_SELECTED:
        raise ValueError(f"more than {MOST_SELECTED} ids; select by trigger instead")
    if not (ids or trigger or body.get("all") is True):
        raise ValueError("name ids or a trigger, or set all")
    return Selection(frozenset(ids), namespace, trigger, frozenset(only))
