"""The routes of `tidegate dlq`: below `/control/dead-letters`, guarded as all of them."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

import orjson
from aiohttp import web

from gateway.core.dead_letter import Letter
from gateway.dead_letters import DeadLetters
from gateway.errors import SinkUnavailable
from gateway.letters.selection import Selection, split_id
from gateway.redrive import Result
from tidegate.cli.client import ERROR_HEADER

MOST_LISTED = 10_000
MOST_SELECTED = 10_000
RATES = (0.1, 10_000.0)
"""Letters a second that a redrive may ask for."""

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


class DeadLetterRoutes:
    """Lists, shows, redrives and purges what `DeadLetters` finds."""

    def __init__(self, letters: Callable[[], DeadLetters]) -> None:
        self._letters = letters

    def extend(self, application: web.Application) -> None:
        """Add the routes."""
        router = application.router
        router.add_get("/dead-letters", _saying(self._list))
        router.add_get("/dead-letters/{id}", _saying(self._show))
        router.add_post("/dead-letters/redrive", _saying(self._redrive))
        router.add_post("/dead-letters/purge", _saying(self._purge))

    async def _list(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        selection = Selection(
            namespace=query.get("namespace", ""), trigger=query.get("trigger", "")
        )
        limit = query.get("limit", "")
        rows = await self._rows(selection, min(_whole(limit, 100), MOST_LISTED))
        return _json({"letters": rows, "elsewhere": self._letters().elsewhere(selection)})

    async def _show(self, request: web.Request) -> web.StreamResponse:
        id = request.match_info["id"]
        selection = Selection(ids=frozenset((id,)))
        async with aclosing(self._letters().letters(selection)) as letters:
            async for place, letter in letters:
                shown = details(letter, place)
                if request.query.get("payload") == "1":
                    shown |= payload(letter)
                return _json(shown)
        return _error("unknown", 404, f"there is no dead letter {id!r}; tidegate dlq list has them")

    async def _redrive(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        selection, rate = _selection(body), body.get("rate")
        if not isinstance(rate, int | float) or not RATES[0] <= rate <= RATES[1]:
            return _error("refused", 400, f"rate {rate!r} is not between {RATES[0]} and {RATES[1]}")
        self._check_is_here(selection)
        response = web.StreamResponse(headers={"content-type": "application/x-ndjson"})
        await response.prepare(request)

        async def tell(result: Result) -> None:
            await response.write(orjson.dumps({"id": result.id, "error": result.error}) + b"\n")

        try:
            await self._letters().redrive(selection, rate, tell)
        except SinkUnavailable as error:
            await response.write(orjson.dumps({"id": "", "error": str(error)}) + b"\n")
        except ConnectionError:
            pass  # the reader left, and with it the wish
        return response

    async def _purge(self, request: web.Request) -> web.StreamResponse:
        selection = _selection(await _body(request))
        self._check_is_here(selection)
        purged = await self._letters().purge(selection)
        return _json({"purged": purged.count, "remarks": purged.remarks})

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


def _saying(serve: Serve) -> Serve:
    """Answer with a sentence where a store is away or a request is wrong."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await serve(request)
        except SinkUnavailable as error:
            return _error("unavailable", 503, str(error))
        except ValueError as error:
            return _error("refused", 400, str(error))

    return answer


async def _body(request: web.Request) -> Mapping[str, Any]:
    body = orjson.loads(await request.read())
    if not isinstance(body, dict):
        raise ValueError("the body is no JSON object")
    return body


def _selection(body: Mapping[str, Any]) -> Selection:
    """Read who is meant. All of them must be asked for: an empty wish is a mistake."""
    ids, namespace, trigger = (body.get(name) for name in ("ids", "namespace", "trigger"))
    if not (isinstance(ids, list) and all(isinstance(id, str) for id in ids)):
        raise ValueError("ids is no list of ids")
    if not (isinstance(namespace, str) and isinstance(trigger, str)):
        raise ValueError("namespace and trigger are no names")
    if len(ids) > MOST_SELECTED:
        raise ValueError(f"more than {MOST_SELECTED} ids; select by trigger instead")
    if not (ids or trigger or body.get("all") is True):
        raise ValueError("name ids or a trigger, or set all")
    return Selection(frozenset(ids), namespace, trigger)


def _whole(text: str, default: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else default


def _json(value: Any) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")


def _error(kind: str, status: int, sentence: str) -> web.Response:
    return web.Response(status=status, text=sentence, headers={ERROR_HEADER: kind})
