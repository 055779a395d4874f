"""Posts events to an URL in CloudEvents' binary mode: for dead letters, off the hot path."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp

from gateway.context import Context
from gateway.core.delivery import Answer, Delivery
from gateway.core.event import CloudEvent
from gateway.errors import AttemptTimeout, EventRejected, SinkUnavailable
from gateway.http.errors import InvalidHeader
from gateway.http.headers import encode_attribute
from gateway.http.retry_after import seconds_from
from tidegate.api.subscription import Subscription

RETRIED = frozenset({408, 425, 429, *range(500, 600)})


class HttpSink:
    """Sends to the URL that the subscription's `deadLetter` names; any 2xx has taken the event.

    Redirects are not followed (the CloudEvents webhook specification forbids it): they and other
    statuses are `EventRejected`, but for those that say "later". What is printed of the URL is
    its host: the rest may be a secret.
    """

    def __init__(self, subscription: Subscription, context: Context) -> None:
        target = subscription.policy.dead_letter
        assert target is not None
        self._url = target.target
        place = urlsplit(target.target)
        self._name = f"posting to {place.scheme}://{place.hostname}:{place.port or place.scheme}"
        self._connect_timeout = context.settings.http.connect_timeout
        self._connections = subscription.policy.concurrency
        self._session: aiohttp.ClientSession | None = None

    async def send(self, delivery: Delivery, deadline: float) -> Answer:
        """See `Sink.send`."""
        try:
            headers = headers_from_event(delivery.event)
        except InvalidHeader as error:
            raise EventRejected(f"{self._name}: {error}") from error
        try:
            async with asyncio.timeout_at(deadline):
                return await self._post(headers, delivery.event.data or b"")
        except TimeoutError as error:
            raise AttemptTimeout(f"{self._name}: no answer in time") from error
        except aiohttp.ClientError as error:
            raise SinkUnavailable(f"{self._name}: {_reason(error)}") from error

    async def close(self) -> None:
        """See `Sink.close`."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _post(self, headers: Mapping[str, str], body: bytes) -> Answer:
        async with self._opened().post(
            self._url, data=body, headers=headers, allow_redirects=False
        ) as response:
            return self._judged(response.status, response.headers.get("retry-after"))

    def _judged(self, status: int, retry_after: str | None) -> Answer:
        if 200 <= status < 300:
            return Answer(status)
        text = f"{self._name}: it answered {status}"
        if status in RETRIED:
            raise SinkUnavailable(text, status=status, retry_after=seconds_from(retry_after))
        raise EventRejected(f"{text}; correct delivery.deadLetter.http", status=status)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._session


def headers_from_event(event: CloudEvent) -> dict[str, str]:
    """Return the headers of the request that carries `event` (HTTP binding 3.1)."""
    attributes = event.attributes()
    content_type = attributes.pop("datacontenttype", "application/octet-stream")
    headers = {f"ce-{name}": encode_attribute(text).decode() for name, text in attributes.items()}
    headers["user-agent"] = "tidegate"
    headers["content-type"] = _media_type(content_type)
    return headers


def _media_type(text: str) -> str:
    if not text.isprintable():
        raise InvalidHeader("encoding datacontenttype: it holds control characters")
    return text


def _reason(error: aiohttp.ClientError) -> str:
    """Say what went wrong without the URL, which aiohttp's own texts may quote."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"connecting: {error.strerror or type(error.os_error).__name__}"
    return type(error).__name__
