"""How operations are asked and how they answer: JSON, lines of JSON, and sentences for errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson
from aiohttp import web

from gateway.errors import ConfigError, SinkUnavailable, SourceUnavailable

ERROR_HEADER = "tidegate-error"
"""On answers that are our own errors: `unknown`, `unavailable`, `refused` or `forbidden`."""

BODY_LIMIT = 2 * 1024 * 1024
"""Bytes of a request. aiohttp's own bound is that of the whole server, which is smaller."""

WRITE_TIMEOUT = 30.0
"""Seconds for a reader to take a line; one who stands still for so long is gone."""

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


class UnknownName(ValueError):
    """A request names what is not there. The message says what there is."""


def json_answer(value: Any) -> web.Response:
    """Answer with `value`."""
    return web.Response(body=orjson.dumps(value), content_type="application/json")


def error_answer(kind: str, status: int, sentence: str) -> web.Response:
    """Answer with a sentence; `kind` tells the caller what to make of it."""
    return web.Response(status=status, text=sentence, headers={ERROR_HEADER: kind})


def saying(serve: Serve) -> Serve:
    """Answer with a sentence where something is away or a request is wrong."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await serve(request)
        except (SinkUnavailable, SourceUnavailable) as error:
            return error_answer("unavailable", 503, str(error))
        except UnknownName as error:
            return error_answer("unknown", 404, str(error))
        except (ConfigError, ValueError) as error:
            return error_answer("refused", 400, str(error))

    return answer


async def json_body(request: web.Request) -> Mapping[str, Any]:
    """Read the JSON object of a request. Raises `ValueError` for anything else."""
    body = orjson.loads(await request.clone(client_max_size=BODY_LIMIT).read())
    if not isinstance(body, dict):
        raise ValueError("the body is no JSON object")
    return body


def whole(text: str, default: int, most: int) -> int:
    """Read a count of a query, at most `most`; what is no count is `default`."""
    return min(int(text), most) if text.isdecimal() and len(text) < 10 else default


class Lines:
    """An answer that grows, a JSON value a line."""

    def __init__(self, response: web.StreamResponse) -> None:
        self._response = response

    async def write(self, *values: Any) -> None:
        """Send some lines. Raises `ConnectionError` when nobody reads them any more."""
        body = b"".join(orjson.dumps(value, default=str) + b"\n" for value in values)
        try:
            async with asyncio.timeout(WRITE_TIMEOUT):
                await self._response.write(body)
        except TimeoutError as error:
            raise ConnectionAbortedError("the reader stands still") from error


@asynccontextmanager
async def lines(request: web.Request) -> AsyncIterator[tuple[web.StreamResponse, Lines]]:
    """Open an answer of lines; a reader who leaves ends the block without an error."""
    response = web.StreamResponse(headers={"content-type": "application/x-ndjson"})
    await response.prepare(request)
    with suppress(ConnectionError):  # the reader left, and with it the wish
        yield response, Lines(response)
