"""One connection to a NATS server, shared by all subscriptions that log in the same way."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import nats.errors
import nkeys  # type: ignore[import-untyped]  # it ships no types
from nats.aio.client import Client, RawCredentials

from gateway.cancellation import kept_cancellation
from gateway.errors import ConfigError, GatewayError, SourceUnavailable
from gateway.nats.credentials import Credentials, tls_context

logger = logging.getLogger(__name__)

PING_INTERVAL = 20.0
"""A half-open link is seen within two of these; the client's default takes four minutes."""

RECONNECT_WAIT = (0.25, 0.75)
"""Between attempts; drawn per connection, so that gateways do not return in step."""

_TIDY_UP = 0.1
"""Given to the client to close the socket of a failed attempt; it then waits for the next one.
Cancelled earlier, it would leave the socket open and believe that it is closed."""

_HEADER_FRAME = len(b"NATS/1.0\r\n\r\n")
_HEADER_LINE = len(b": \r\n")
_AUTH_WORDS = ("authorization", "authentication", "permissions violation", "nkey", "jwt")


@dataclass(frozen=True, slots=True)
class Server:
    """Where to connect and as whom. Equal servers share a connection."""

    url: str
    tls: bool = False
    secret: str = ""
    credentials: Credentials = field(default_factory=Credentials)
    connect_timeout: float = 5.0

    @property
    def urls(self) -> list[str]:
        """The addresses, of which the first that answers is used."""
        return [url.strip() for url in self.url.split(",")]

    @property
    def name(self) -> str:
        """The addresses without user and password: what may be printed."""
        return ",".join(redacted(url) for url in self.urls)

    @property
    def encrypted(self) -> bool:
        """Whether anything but TLS must be refused."""
        wanted = self.tls or bool(self.credentials.ca or self.credentials.certificate)
        return wanted or any(url.startswith("tls://") for url in self.urls)


class Listener(Protocol):
    """A user of a connection who must know what becomes of it. May not raise."""

    def reconnected(self) -> None:
        """Take note that the server forgot our pull requests; subscriptions are back."""
        ...

    def closed(self) -> None:
        """Take note that this connection will not come back."""
        ...

    def denied(self, reason: str) -> None:
        """Take note that the server refused a subject; `reason` quotes it in lower case."""
        ...

    def dropped(self, subscription: object) -> None:
        """Take note that the client threw a message of `subscription` away: it was full."""
        ...


class Connection:
    """A connected client that comes back by itself, and tells its listeners what happens.

    `online` is set while the server is there. The callbacks cannot raise: an exception in one
    of them would end the client's reconnecting for ever.
    """

    def __init__(self, server: Server) -> None:
        self.client = Client()
        self.online = asyncio.Event()
        self.listeners: set[Listener] = set()
        self._server = server
        self._failures: list[Exception] = []
        self._said = ""
        self._failed: Callable[[], None] | None = None

    async def open(self) -> None:
        """Connect, or raise once every address has failed. The message names the server."""
        tls = await self._tls()
        try:
            await self._connect(tls)
        except nkeys.NkeysError as error:
            raise ConfigError(
                f"secret {self._server.secret}: the nkey seed or creds is not valid; copy it anew"
            ) from error
        except (OSError, nats.errors.Error) as error:
            await self.client.close()
            raise self._verdict(error) from error
        except asyncio.CancelledError:
            await self.client.close()
            raise
        self._failures.clear()
        self.online.set()

    async def close(self) -> None:
        """Let go of the server. Never raises because it is away."""
        self.online.clear()
        self.listeners.clear()
        try:
            async with asyncio.timeout(2):
                await self.client.close()
        except (OSError, nats.errors.Error) as error:
            logger.debug("%s: closing the connection: %s", self._server.name, _reason(error))

    async def confirmed(self) -> None:
        """Return when the server has read all that was published before.

        One answer is not enough: the client writes its PING ahead of what it has buffered. Give
        it a deadline; it waits for as long as the server is silent.
        """
        await self.answered()
        await self.answered()

    async def answered(self) -> None:
        """Return when the server has answered a PING. Safe to cancel.

        The client's own flush is not: it cancels what the PONG completes, and the PONG that comes
        all the same ends the reading of the connection, for everybody who shares it. And where
        the reading has ended, flush returns at once. So the PING is sent below it.
        """
        if self.client.is_closed:
            raise nats.errors.ConnectionClosedError
        pong: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        with kept_cancellation():
            await self.client._send_ping(pong)
            await asyncio.wait([pong])

    def fits(self, body: bytes, headers: Mapping[str, str] | None) -> bool:
        """Say whether the server takes a message of this size, headers included.

        The client counts the body alone; a server that is sent more closes the connection for
        everybody who shares it.
        """
        size = len(body)
        if headers:
            lines = (len(name.encode()) + len(text.encode()) for name, text in headers.items())
            size += _HEADER_FRAME + sum(lines) + _HEADER_LINE * len(headers)
        return size <= self.client.max_payload

    async def withdraw(self, subscription: Any, deadline: float) -> bool:
        """End a subscription; say whether all that was on its way went through its callback.

        It is gone in any case: others go on using this connection, and it must not come back
        for nobody with the server.
        """
        dry = False
        try:
            async with asyncio.timeout(deadline):
                if self.online.is_set():
                    await self._drain(subscription)
                    dry = True
        except (OSError, nats.errors.Error) as error:
            logger.debug("%s: ending a subscription: %s", self._server.name, _reason(error))
        finally:
            await self._forget(subscription)
        return dry

    async def _drain(self, subscription: Any) -> None:
        """Let a subscription run dry.

        The client's own drain lets the PING overtake its UNSUB, and loses what the server sends
        in between; cut short, it leaves the subscription with the client for ever. So its steps
        are made here, for which the client has no public calls.
        """
        with kept_cancellation():
            await self.client._send_unsubscribe(subscription._id)
            await self.confirmed()
            await subscription._pending_queue.join()

    async def _forget(self, subscription: Any) -> None:
        try:
            with kept_cancellation():
                await subscription.unsubscribe()
        except nats.errors.Error as error:
            logger.debug("%s: ending a subscription: %s", self._server.name, _reason(error))

    async def _connect(self, tls: ssl.SSLContext | None) -> None:
        """Try until the first success or the failure of every address.

        The client itself tries for ever, first connection included, so the time is cut short
        from its error callback.
        """
        server = self._server
        deadline = (server.connect_timeout + _TIDY_UP) * len(server.urls)
        loop = asyncio.get_running_loop()
        options: dict[str, Any] = {  # the client's annotations say int where it takes seconds
            "connect_timeout": server.connect_timeout,
            "reconnect_time_wait": random.uniform(*RECONNECT_WAIT),
            "ping_interval": PING_INTERVAL,
            **log_in(server.credentials),
        }
        async with asyncio.timeout(deadline) as scope:

            def give_up() -> None:
                if len(self._failures) >= len(server.urls):
                    scope.reschedule(loop.time() + _TIDY_UP)

            self._failed = give_up
            try:
                with kept_cancellation():
                    await self.client.connect(
                        server.urls,
                        name="tidegate",
                        tls=tls,
                        max_reconnect_attempts=-1,
                        max_outstanding_pings=2,
                        error_cb=self._on_error,
                        disconnected_cb=self._on_disconnected,
                        reconnected_cb=self._on_reconnected,
                        closed_cb=self._on_closed,
                        **options,
                    )
            finally:
                self._failed = None

    async def _tls(self) -> ssl.SSLContext | None:
        server = self._server
        if not server.encrypted:
            return None
        context = await asyncio.to_thread(tls_context, server.secret, server.credentials)
        await self._check_offers_tls()
        return context

    async def _check_offers_tls(self) -> None:
        """Refuse a server without TLS: the client would send it the credentials in clear."""
        for url in self._server.urls:
            greeting = await self._greeting(url)
            if greeting and b'"tls_required":true' not in greeting.replace(b" ", b""):
                raise ConfigError(
                    f"connecting to {redacted(url)}: TLS is wanted but the server does not offer"
                    " it; configure TLS there or remove `tls` here"
                )

    async def _greeting(self, url: str) -> bytes:
        """Return the first line of the server, b"" when there is none to be had."""
        parts = urlsplit(url)
        try:
            async with asyncio.timeout(self._server.connect_timeout):
                reader, writer = await asyncio.open_connection(
                    parts.hostname, parts.port or 4222, limit=1 << 20
                )
                try:
                    return await reader.readline()
                finally:
                    writer.close()
                    await writer.wait_closed()
        except (OSError, ValueError):
            return b""

    def _verdict(self, error: Exception) -> GatewayError:
        """Choose among what failed: a refusal says more than the reset that follows it."""
        verdicts = [self._translated(one) for one in (self._failures or [error])]
        refusals = (one for one in verdicts if isinstance(one, ConfigError))
        return next(refusals, verdicts[-1])

    def _translated(self, error: Exception) -> GatewayError:
        where = f"connecting to {self._server.name}"
        reason = _reason(error)
        if isinstance(error, ssl.SSLError):
            return ConfigError(
                f"{where}: TLS failed ({reason}); check ca.crt, tls.crt and tls.key of its secret"
            )
        if any(word in reason.lower() for word in _AUTH_WORDS):
            held = f"secret {self._server.secret}" if self._server.secret else "no secret"
            return ConfigError(
                f"{where}: the server refused the credentials of {held} ({reason}); correct them"
            )
        return SourceUnavailable(f"{where}: {reason}")

    async def _on_error(self, error: Exception) -> None:
        if self._failed is not None:
            self._failures.append(error)
            self._failed()
        elif isinstance(error, nats.errors.SlowConsumerError):
            for listener in tuple(self.listeners):
                listener.dropped(error.sub)
        elif "permissions violation" in str(error):
            for listener in tuple(self.listeners):
                listener.denied(str(error))
        elif self.online.is_set() and (reason := _reason(error)) != self._said:
            self._said = reason
            logger.warning("%s: %s", self._server.name, reason)

    async def _on_disconnected(self) -> None:
        if self.online.is_set():
            logger.warning("%s: disconnected; reconnecting until it is back", self._server.name)
        self.online.clear()

    async def _on_reconnected(self) -> None:
        logger.info("%s: connected again", self._server.name)
        self._said = ""
        self.online.set()
        for listener in tuple(self.listeners):
            listener.reconnected()

    async def _on_closed(self) -> None:
        self.online.clear()
        for listener in tuple(self.listeners):
            listener.closed()


def opener(
    server: Server,
) -> tuple[Callable[[], Awaitable[Connection]], Callable[[Connection], Awaitable[None]]]:
    """Return how to open and how to close the shared connection to `server`."""

    async def open_connection() -> Connection:
        connection = Connection(server)
        await connection.open()
        return connection

    return open_connection, Connection.close


def log_in(credentials: Credentials) -> dict[str, Any]:
    """Return the client's options for one way to log in."""
    if credentials.token:
        return {"token": credentials.token}
    if credentials.user:
        return {"user": credentials.user, "password": credentials.password}
    if credentials.nkey:
        return {"nkeys_seed_str": credentials.nkey}
    if credentials.creds:
        return {"user_credentials": RawCredentials(credentials.creds)}
    return {}


def redacted(url: str) -> str:
    """Return `url` without user, password and anything behind the port."""
    scheme, separator, rest = url.rpartition("://")
    host = rest.rpartition("@")[2].partition("/")[0].partition("?")[0]
    return f"{scheme}{separator}{host}"


def check_url(url: str, credentials: Credentials) -> None:
    """Raise `ConfigError` for an address that cannot work, and for two ways to log in."""
    for one in url.split(","):
        try:
            parts = urlsplit(one.strip())
            usable = parts.scheme in ("nats", "tls") and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise ConfigError(f"url {redacted(one)!r}: write nats://host:port or tls://host:port")
        if parts.username and credentials.log_in:
            raise ConfigError(f"url {redacted(one)}: has a user, and so has the secret; keep one")


def _reason(error: Exception) -> str:
    """Say what went wrong in the words of the system; the class where it has none."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text = str(error).removeprefix("nats: ").strip().strip("'")
    return text or type(error).__name__
