"""The keep-alive HTTP/1.1 client of the hot path: one pool of connections per endpoint."""

import asyncio
import random
from collections import OrderedDict
from dataclasses import dataclass, field

from gateway.http.connection import ClientConnection, Response, ResponseLimits
from gateway.http.errors import (
    ConnectFailed,
    ConnectionDied,
    DeadlineExceeded,
    PoolClosed,
    PoolFull,
)
from gateway.http.flow import BodyStream
from gateway.http.sweep import FOREVER, Sweep

_SWEEP_GRAIN = 0.01
_READ_BUFFER = 64 * 1024


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Limits of one endpoint's connections; times in seconds, sizes in bytes.

    `idle` is below the servers' own keep-alive time (ours keep 75), so that we close first.
    `max_age` makes load reach new pods behind an address that balances connections only; each
    connection lives up to the fraction `age_jitter` shorter, so that they do not end together.
    """

    max_connections: int = 128
    max_waiting: int = 10_000
    connect_timeout: float = 2.0
    idle: float = 10.0
    max_age: float = 60.0
    age_jitter: float = 0.2
    limits: ResponseLimits = field(default_factory=ResponseLimits)


class _Waiter:
    """A request in the queue: its future brings a connection, or None for the right to open one."""

    __slots__ = ("deadline", "fresh", "future")

    def __init__(self, deadline: float, fresh: bool) -> None:
        self.future: asyncio.Future[ClientConnection | None] = (
            asyncio.get_running_loop().create_future()
        )
        self.deadline = deadline
        self.fresh = fresh


class Pool:
    """The connections to one endpoint: as few as possible, the last used first.

    One timer sweeps every deadline: of exchanges, of the queue and of idle connections.
    Belongs to the event loop that runs its first request.
    """

    def __init__(self, host: str, port: int, settings: PoolSettings | None = None) -> None:
        self.endpoint = f"{host}:{port}"
        self.settings = settings or PoolSettings()
        self.limits = self.settings.limits
        # Shared by all connections, since each read is consumed at once; made when needed.
        self.buffer = bytearray()
        self._host = host
        self._port = port
        self._idle: list[ClientConnection] = []
        self._connections: set[ClientConnection] = set()
        self._slots = 0
        self._waiters: OrderedDict[_Waiter, None] = OrderedDict()
        self._sweep = Sweep(self._expire_due, _SWEEP_GRAIN)
        self._closed = False
        self._emptied: asyncio.Event | None = None

    @property
    def open_connections(self) -> int:
        """Connections that are open or being opened."""
        return self._slots

    @property
    def idle_connections(self) -> int:
        """Connections that wait for a request."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """Requests that wait for a connection."""
        return len(self._waiters)

    async def request(
        self, head: bytes, body: bytes, deadline: float, stream: BodyStream | None = None
    ) -> Response:
        """Send one request and return its final answer; raises HttpError otherwise.

        `head` is a whole request head, blank line included; `deadline` is loop time and covers
        the wait for a connection. With a `stream` the body goes there as it arrives; when this
        raises after `stream.start`, the stream never ends. A request is sent a second time only
        when a reused connection died before any byte of an answer. Cancelling closes the
        connection in use and touches no other request.
        """
        connection = self._idle.pop() if self._idle else await self._acquire(deadline, fresh=False)
        while True:
            reused = connection.reused
            future = connection.send(head, body, deadline, stream)
            if deadline < self._sweep.next:
                self._sweep.watch(deadline)
            try:
                return await future
            except ConnectionDied as error:
                if not (reused and error.before_response):
                    raise
            except asyncio.CancelledError:
                connection.give_up(future)
                raise
            connection = await self._acquire(deadline, fresh=True)

    async def close(self) -> None:
        """Fail what is under way with PoolClosed and close every connection. May be repeated."""
        self._closed = True
        for waiter in self._waiters:
            if not waiter.future.done():
                waiter.future.set_exception(self._is_closed())
        for connection in list(self._connections):
            connection.fail(self._is_closed())
        self._idle.clear()
        if self._slots:
            self._emptied = self._emptied or asyncio.Event()
            await self._emptied.wait()
        self._sweep.stop()

    def idle(self, connection: ClientConnection) -> None:
        """Take back a connection after an exchange."""
        now = connection.now()
        if self._closed or now >= connection.retire_at:
            connection.abort()
        elif self._waiters:
            self._give(connection, now)
        else:
            self._rest(connection, now)

    def lost(self, connection: ClientConnection) -> None:
        """Forget a connection that is gone; its slot is free."""
        if connection not in self._connections:
            return
        self._connections.remove(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._free_slot()

    async def _acquire(self, deadline: float, *, fresh: bool) -> ClientConnection:
        if self._closed:
            raise self._is_closed()
        if self._slots < self.settings.max_connections:
            self._slots += 1
            return await self._open(deadline)
        connection = await self._wait(deadline, fresh=fresh)
        return connection or await self._open(deadline)

    async def _wait(self, deadline: float, *, fresh: bool) -> ClientConnection | None:
        if len(self._waiters) >= self.settings.max_waiting:
            raise PoolFull(
                f"calling {self.endpoint}: {len(self._waiters)} requests already wait for one of "
                f"{self.settings.max_connections} connections; call less, or raise max_connections"
            )
        waiter = _Waiter(deadline, fresh)
        self._waiters[waiter] = None
        if fresh and self._idle:
            self._idle.pop(0).abort()
        if deadline < self._sweep.next:
            self._sweep.watch(deadline)
        try:
            return await waiter.future
        except asyncio.CancelledError:
            self._hand_on(waiter)
            raise
        finally:
            self._waiters.pop(waiter, None)

    def _hand_on(self, waiter: _Waiter) -> None:
        """A cancelled waiter gives on what it was given in the same moment."""
        if waiter.future.cancelled() or waiter.future.exception() is not None:
            return
        connection = waiter.future.result()
        if connection is None:
            self._free_slot()
        elif connection.usable:
            self.idle(connection)

    async def _open(self, deadline: float) -> ClientConnection:
        """A new connection in a slot that is already ours."""
        adopted = False
        try:
            connection = await self._connect(deadline)
            if self._closed:
                connection.abort()
                raise self._is_closed()
            if not connection.usable:
                raise ConnectFailed(f"connecting to {self.endpoint}: closed at once")
            self._connections.add(connection)
            adopted = True
            return connection
        finally:
            if not adopted:
                self._free_slot()

    async def _connect(self, deadline: float) -> ClientConnection:
        loop = asyncio.get_running_loop()
        now = loop.time()
        settings = self.settings
        if deadline <= now:
            raise self._too_late()
        if not self.buffer:
            self.buffer = bytearray(_READ_BUFFER)
        life = settings.max_age * (1 - settings.age_jitter * random.random())
        try:
            async with asyncio.timeout_at(min(deadline, now + settings.connect_timeout)):
                _, connection = await loop.create_connection(
                    lambda: ClientConnection(self, now + life), self._host, self._port
                )
        except TimeoutError as error:
            if loop.time() >= deadline:
                raise self._too_late() from error
            raise ConnectFailed(
                f"connecting to {self.endpoint}: no answer in {settings.connect_timeout:g} s"
            ) from error
        except (OSError, UnicodeError) as error:  # the latter from a name that cannot be looked up
            reason = getattr(error, "strerror", None) or error
            raise ConnectFailed(f"connecting to {self.endpoint}: {reason}") from error
        return connection

    def _is_closed(self) -> PoolClosed:
        return PoolClosed(f"calling {self.endpoint}: the pool was closed")

    def _too_late(self) -> DeadlineExceeded:
        text = f"calling {self.endpoint}: no connection before the deadline"
        return DeadlineExceeded(text, sent=False)

    def _free_slot(self) -> None:
        waiter = self._next_waiter()
        if waiter is not None and not self._closed:
            waiter.future.set_result(None)  # the slot goes with it
            return
        self._slots -= 1
        if not self._slots:
            self.buffer = bytearray()
            if self._emptied is not None:
                self._emptied.set()

    def _next_waiter(self) -> _Waiter | None:
        while self._waiters:
            waiter, _ = self._waiters.popitem(last=False)
            if not waiter.future.done():
                return waiter
        return None

    def _give(self, connection: ClientConnection, now: float) -> None:
        waiter = self._next_waiter()
        if waiter is None:
            self._rest(connection, now)
        elif waiter.fresh:
            connection.abort()  # its slot goes to the waiter when the connection is gone
            self._waiters[waiter] = None
            self._waiters.move_to_end(waiter, last=False)
        else:
            waiter.future.set_result(connection)

    def _rest(self, connection: ClientConnection, now: float) -> None:
        until = connection.deadline = now + self.settings.idle
        self._idle.append(connection)
        if until < self._sweep.next:
            self._sweep.watch(until)

    def _expire_due(self, now: float) -> float:
        for waiter in self._waiters:
            if waiter.deadline <= now and not waiter.future.done():
                waiter.future.set_exception(self._too_late())
        for connection in [each for each in self._connections if each.deadline <= now]:
            self._expire(connection)
        return self._earliest()

    def _expire(self, connection: ClientConnection) -> None:
        connection.deadline = FOREVER
        if connection in self._idle:
            self._idle.remove(connection)
        connection.expire()

    def _earliest(self) -> float:
        pending = [waiter.deadline for waiter in self._waiters if not waiter.future.done()]
        pending += [connection.deadline for connection in self._connections]
        return min(pending, default=FOREVER)
