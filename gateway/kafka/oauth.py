"""Bearer tokens by OAuth 2.0 client credentials (RFC 6749, 4.4), asked for anew in time."""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlsplit

import aiohttp
import orjson
from aiokafka import errors
from aiokafka.abc import AbstractTokenProvider

DEADLINE = 10.0
"""Seconds for one answer of the token endpoint."""

RENEWAL = 0.8
"""Share of its life after which a token is asked for anew, as Kafka's own clients do."""

SHORT_LIFE = 60.0
"""Seconds that a token is used of which the endpoint does not say how long it lives."""

ANSWER_LIMIT = 64 * 1024
"""Bytes of an answer; tokens have a few thousand."""

_LATER = frozenset({408, 425, 429, *range(500, 600)})
_CODE = re.compile("[a-z_]{1,40}")


class TokenError(errors.KafkaError):  # type: ignore[misc]  # the library ships no types
    """No token. An error of the library's own kind: any other would end its tasks."""

    def __str__(self) -> str:
        return str(self.args[0])


class TokenRefused(TokenError):
    """The endpoint will not give one until the user changes something."""


class TokenUnavailable(TokenError):
    """The endpoint gives none now."""


@dataclass(frozen=True, slots=True, repr=False)
class TokenClient:
    """Who asks which endpoint, trusting which authorities. Never printed."""

    endpoint: str
    id: str
    secret: str
    scope: str = ""
    tls: ssl.SSLContext | None = None
    deadline: float = DEADLINE

    @property
    def place(self) -> str:
        """What may be said of the endpoint: the rest may be a secret."""
        parts = urlsplit(self.endpoint)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


class ClientCredentials(AbstractTokenProvider):  # type: ignore[misc]  # the library ships no types
    """Gives every connection a token with life left in it; asks for one at a time.

    Brokers look at a token when a connection begins, and may close the connection when the token
    ends: the next one then begins with a new token. While the endpoint is away, a token that still
    lives is used.
    """

    def __init__(self, client: TokenClient, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._client = client
        self._clock = clock
        self._asking = asyncio.Lock()
        self._token = ""
        self._renewal = self._end = 0.0

    async def token(self) -> str:
        """Return a token. Raises `TokenRefused` and `TokenUnavailable` with what to do."""
        async with self._asking:
            if not self._token or self._clock() >= self._renewal:
                await self._renew()
            return self._token

    async def _renew(self) -> None:
        asked = self._clock()
        try:
            token, life = _token_from(self._client.place, await _answer(self._client))
        except TokenUnavailable:
            if asked >= self._end:
                raise
        else:
            self._token, self._renewal, self._end = token, asked + RENEWAL * life, asked + life


async def _answer(client: TokenClient) -> bytes:
    """Ask the endpoint, and return what it says with status 200."""
    doing = f"asking {client.place} for a token"
    try:
        async with (
            asyncio.timeout(client.deadline),
            aiohttp.ClientSession(auto_decompress=False) as http,
        ):
            return await _posted(http, client, doing)
    except TimeoutError as error:
        raise TokenUnavailable(f"{doing}: no answer within {client.deadline:g} s") from error
    except aiohttp.ClientConnectorCertificateError as error:
        raise TokenRefused(
            f"{doing}: its certificate is not trusted; put its authority into ca.crt"
        ) from error
    except aiohttp.InvalidURL as error:
        raise TokenRefused(f"{doing}: no such address; correct token_endpoint") from error
    except aiohttp.ClientError as error:
        raise TokenUnavailable(f"{doing}: {type(error).__name__}") from error


async def _posted(http: aiohttp.ClientSession, client: TokenClient, doing: str) -> bytes:
    fields = {"grant_type": "client_credentials"} | (
        {"scope": client.scope} if client.scope else {}
    )
    async with http.post(
        client.endpoint,
        data=fields,
        ssl=client.tls or True,
        headers=_headers(client),
        allow_redirects=False,
    ) as response:
        body = await _bounded(response, doing)
        if response.status == 200:
            return body
        if response.status in _LATER:
            raise TokenUnavailable(f"{doing}: it answered {response.status}")
        if response.status in (400, 401, 403):
            raise TokenRefused(
                f"{doing}: it answered {response.status}{_code(body)};"
                " correct client_id, client_secret or scope"
            )
        raise TokenRefused(f"{doing}: it answered {response.status}; correct token_endpoint")


def _headers(client: TokenClient) -> dict[str, str]:
    # Both are encoded as in a form first (RFC 6749, 2.3.1).
    login = f"{quote_plus(client.id)}:{quote_plus(client.secret)}".encode()
    return {
        "authorization": f"Basic {base64.b64encode(login).decode()}",
        "accept": "application/json",
        "accept-encoding": "identity",
    }


async def _bounded(response: aiohttp.ClientResponse, doing: str) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > ANSWER_LIMIT:
            raise TokenRefused(f"{doing}: a long answer without a token; correct token_endpoint")
    return bytes(body)


def _token_from(place: str, body: bytes) -> tuple[str, float]:
    """Return the token and the seconds that it lives (RFC 6749, 5.1)."""
    answer = _fields(body)
    token, life = answer.get("access_token"), answer.get("expires_in")
    # It goes into a line of its own form: what could end that line is no token (RFC 6750, 2.1).
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
        raise TokenRefused(
            f"asking {place} for a token: there is none in the answer; correct token_endpoint"
        )
    try:
        return token, max(float(life), 0.0) if life is not None else SHORT_LIFE
    except (TypeError, ValueError):
        return token, SHORT_LIFE


def _code(body: bytes) -> str:
    """Return the error code of an answer (RFC 6749, 5.2), and nothing else that it may hold."""
    code = _fields(body).get("error")
    return f" ({code})" if isinstance(code, str) and _CODE.fullmatch(code) else ""


def _fields(body: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}
