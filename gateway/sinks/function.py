"""Posts events to a function and says what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.context import Context
from gateway.core.delivery import Answer, Delivery
from gateway.errors import AttemptTimeout, CallerGone, EventRejected, NoEndpoint, SinkUnavailable
from gateway.http import errors as http
from gateway.http.call import HttpCall
from gateway.http.client import Pool, PoolSettings
from gateway.http.connection import ResponseLimits
from gateway.http.endpoints import Address
from gateway.http.event_head import EventHead
from gateway.http.flow import BodyStream, Discard, Flow
from gateway.http.headers import Headers
from gateway.http.request import Request
from gateway.http.retry_after import seconds_from
from tidegate.api.subscription import Subscription

FAILURE_BODY = 64 * 1024
"""Bytes of a failure's body that are kept between attempts, for who asked."""


class FunctionSink:
    """Calls one function for one subscription.

    Any 2xx is success. Statuses of the policy's `retryOn`, refused connections and passed
    deadlines are `SinkUnavailable`; any other status is `EventRejected`. A delivery with a
    caller (`HttpCall`) streams the function's answer to that caller, whatever its status. An
    answer longer than the settings' `answer_limit` counts by its status, without its body.
    Calls go to the ready endpoint with the fewest in flight.
    """

    def __init__(self, subscription: Subscription, context: Context) -> None:
        self._name = f"calling function {subscription.namespace}/{subscription.function}"
        self._key = (subscription.namespace, subscription.function)
        self._policy = subscription.policy
        self._endpoints = context.endpoints
        self._settings = PoolSettings(
            max_connections=subscription.policy.concurrency,
            connect_timeout=context.settings.http.connect_timeout,
            idle=context.settings.http.keepalive,
            max_age=context.settings.http.connection_age,
            limits=ResponseLimits(body=context.settings.http.answer_limit),
        )
        self._head = EventHead(subscription.kind)
        self._pools: dict[Address, Pool] = {}
        self._retired: list[Pool] = []
        self._turn = 0
        self._ready = self._endpoints.ready(self._key)
        self._unwatch = self._endpoints.watch(self._key, self._follow)

    async def send(self, delivery: Delivery, deadline: float) -> Answer | None:
        """See `Sink.send`."""
        if isinstance(delivery.call, HttpCall):
            return await self._relay(delivery, delivery.call, deadline)
        delivery.answer = None
        event = delivery.event
        pool = self._pool()
        try:
            head = self._head.encode(event, pool.endpoint, deadline - _now())
            response = await pool.request(head, event.data or b"", deadline)
        except http.ResponseTooLarge as error:
            return self._judged(delivery, Answer(error.status))
        except http.HttpError as error:
            raise self._translated(error) from error
        except http.InvalidHeader as error:
            raise EventRejected(f"{self._name}: {error}") from error
        return self._judged(delivery, Answer(response.status, response.headers, response.body))

    async def close(self) -> None:
        """See `Sink.close`."""
        self._unwatch()
        self._ready = ()
        pools = [*self._pools.values(), *self._retired]
        self._pools.clear()
        self._retired.clear()
        for pool in pools:
            await pool.close()

    async def _relay(self, delivery: Delivery, call: HttpCall, deadline: float) -> Answer:
        """Bring a caller's request to the function and the function's answer to the caller."""
        if call.answer.gone:
            raise CallerGone(f"{self._name}: the caller left before its turn")
        pool = self._pool()
        relay = Relay(call.answer, self._withheld(delivery))
        try:
            head = self._head.encode_call(delivery.event, call, pool.endpoint, deadline - _now())
            await pool.request(head, delivery.event.data or b"", deadline, relay)
        except http.CallerGone as error:
            raise CallerGone(f"{self._name}: the caller left") from error
        except http.HttpError as error:
            if call.answer.started:
                raise CallerGone(f"{self._name}: the answer broke off: {error}") from error
            raise self._translated(error) from error
        except http.InvalidHeader as error:
            raise EventRejected(f"{self._name}: {error}") from error
        finally:
            relay.detach()
        if not call.answer.started:
            raise self._unavailable(Answer(relay.status, relay.headers))
        return Answer(relay.status)

    def _withheld(self, delivery: Delivery) -> frozenset[int]:
        """The statuses that the caller is not shown, because another attempt will follow."""
        last = 0 <= self._policy.retry <= delivery.attempts
        return frozenset() if last else self._policy.retry_statuses

    def _pool(self) -> Pool:
        """Return the pool of the ready endpoint with the fewest calls in flight.

        Among equals they take turns: one that refuses everything is always among the idle ones.
        """
        ready = self._ready
        if not ready:
            raise NoEndpoint(f"{self._name}: no process of it is ready", retry_after=1)
        if len(ready) == 1:
            return self._pool_of(ready[0])
        self._turn = first = (self._turn + 1) % len(ready)
        in_turn = (*ready[first:], *ready[:first])
        return min((self._pool_of(address) for address in in_turn), key=_busy)

    def _pool_of(self, address: Address) -> Pool:
        pool = self._pools.get(address)
        if pool is None:
            pool = self._pools[address] = Pool(*address, self._settings)
        return pool

    def _follow(self, ready: tuple[Address, ...]) -> None:
        """Send new calls to `ready` only. Calls under way elsewhere end in peace."""
        self._ready = ready
        self._retired = [pool for pool in self._retired if pool.open_connections]
        for address in self._pools.keys() - set(ready):
            self._retired.append(self._pools.pop(address))

    def _judged(self, delivery: Delivery, answer: Answer) -> Answer:
        """Return a success; raise what any other status means under the policy.

        The answer of a failure is kept for who asked, within bounds: the event may be held yet.
        """
        if 200 <= answer.status < 300:
            return answer
        if delivery.asked:
            fits = len(answer.body) <= FAILURE_BODY
            delivery.answer = answer if fits else answer._replace(body=b"")
        if answer.status in self._policy.retry_statuses:
            raise self._unavailable(answer)
        raise EventRejected(
            f"{self._name}: it answered {answer.status}, which is not retried",
            status=answer.status,
        )

    def _unavailable(self, answer: Answer) -> SinkUnavailable:
        text = f"{self._name}: it answered {answer.status}"
        if answer.status == 408:
            return AttemptTimeout(text, status=408)
        return SinkUnavailable(text, status=answer.status, retry_after=_retry_after(answer.headers))

    def _translated(self, error: http.HttpError) -> SinkUnavailable | EventRejected:
        """Turn a failure of the protocol into the decision that the policy makes of it."""
        text = f"{self._name}: {error}"
        match error:
            case http.DeadlineExceeded():
                return AttemptTimeout(f"{self._name}: no answer in {self._policy.timeout:g} s")
            case http.PoolFull() | http.PoolClosed():
                return SinkUnavailable(text)
            case _:
                return SinkUnavailable(text) if self._policy.retry_connect else EventRejected(text)


class Relay(BodyStream):
    """Passes an answer to the caller, unless its status is among the withheld.

    Stands between the two in both directions: a caller who leaves between two attempts must
    not end the call of another, whose connection it is by then.
    """

    __slots__ = ("_caller", "_flow", "_to", "_withheld", "headers", "status")

    def __init__(self, caller: Request, withheld: frozenset[int]) -> None:
        self._caller = caller
        self._to: BodyStream = caller
        self._flow: Flow | None = None
        self._withheld = withheld
        self.status = 0
        self.headers: Headers = []

    def attach(self, flow: Flow) -> None:
        """Let the caller pause and abandon the flow; one who has left does so at once."""
        self._flow = flow
        self._caller.attach(self)
        if self._caller.gone:
            flow.abandon()

    def detach(self) -> None:
        """The attempt is over: whatever the caller does from now on is not about this flow."""
        self._flow = None

    def pause(self) -> None:
        """Pass it on."""
        if self._flow is not None:
            self._flow.pause()

    def resume(self) -> None:
        """Pass it on."""
        if self._flow is not None:
            self._flow.resume()

    def abandon(self) -> None:
        """Pass it on."""
        if self._flow is not None:
            self._flow.abandon()

    def start(self, status: int, headers: Headers) -> None:
        """Decide who gets the answer."""
        self.status, self.headers = status, headers
        if status in self._withheld:
            self._to = Discard()
        self._to.start(status, headers)

    def write(self, chunk: bytes) -> None:
        """Pass it on."""
        self._to.write(chunk)

    def flush(self) -> None:
        """Pass it on."""
        self._to.flush()

    def end(self) -> None:
        """Pass it on."""
        self._to.end()


def _busy(pool: Pool) -> int:
    return pool.open_connections - pool.idle_connections + pool.waiting


def _now() -> float:
    return asyncio.get_running_loop().time()


def _retry_after(headers: Sequence[tuple[bytes, bytes]]) -> float | None:
    """Return the seconds after which the function wants the next attempt, if it says so."""
    text = next((value for name, value in headers if name == b"retry-after"), None)
    return None if text is None else seconds_from(text.decode("latin-1"))
