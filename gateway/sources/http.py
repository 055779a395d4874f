"""HTTP calls and CloudEvents over HTTP: each trigger's part of the front door."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

import orjson

from gateway.context import Context
from gateway.core.cloudevents import event_from_attributes, event_from_json, events_from_json
from gateway.core.delivery import Delivery, Outcome
from gateway.core.event import NO_EXTENSIONS, CloudEvent
from gateway.core.source import Intake
from gateway.errors import AttemptTimeout, ConfigError, NoEndpoint, SinkUnavailable
from gateway.http.call import HttpCall
from gateway.http.errors import InvalidHeader, RouteConflict
from gateway.http.event_head import OWN_HEADERS, OWN_PREFIXES
from gateway.http.headers import Headers, Hop, decode_attribute, end_to_end, with_forwarded
from gateway.http.request import Request, plain_answer
from gateway.http.routes import ANY, Route
from tidegate.api.subscription import HttpRoute, Subscription

EVENT_TYPE = "io.kubeless.http.request"
"""The type of an event that began as a plain request."""

PAUSED_RETRY = b"30"
"""Seconds after which the caller of a paused trigger may look again."""

BATCH_LIMIT = 1000
"""Events that one batch request may hold."""

_JSON = ((b"content-type", b"application/json"),)


class HttpSource:
    """Takes the requests of one route and answers each when its delivery has ended.

    A plain request and a single CloudEvent get the function's own answer, streamed. A batch
    gets a list of what became of each event: 200 when all were taken, else 502. What the
    gateway answers by itself is a sentence: 400 not a CloudEvent, 503 with Retry-After when
    full, paused or no process is ready, 504 when the function did not answer in time, 502 else.
    """

    redelivers = False
    watched = False

    def __init__(self, subscription: Subscription, context: Context) -> None:
        if not isinstance(subscription.source, HttpRoute):
            raise ConfigError(f"{subscription.id}: an HTTP source needs an HTTP route")
        spec = subscription.source
        self.body_limit = spec.body_limit
        self.name = subscription.id
        self._paused = subscription.paused
        self._routes = context.routes
        self._route = Route(self, spec.path, spec.host or ANY, spec.methods or frozenset((ANY,)))
        self._origin = (
            f"/apis/kubeless.io/v1beta1/namespaces/{quote(subscription.namespace)}"
            f"/httptriggers/{quote(subscription.trigger)}"
        )
        self._ids = itertools.count(1)
        self._id_prefix = f"{os.getpid():x}-{os.urandom(6).hex()}-"
        self._intake: Intake | None = None

    def __str__(self) -> str:
        return self.name

    async def run(self, intake: Intake) -> None:
        """See `Source.run`."""
        self._intake = intake
        try:
            self._routes.add(self._route)
        except RouteConflict as error:
            raise ConfigError(f"{self.name}: {error}") from error
        intake.polled()
        try:
            await asyncio.Event().wait()
        finally:
            self._intake = None

    async def close(self) -> None:
        """See `Source.close`. Until now, while the drain lasted, callers were told to come again:
        the route is not gone, its trigger is being changed."""
        self._routes.remove(self._route)

    def accept(self, request: Request, rest: str) -> None:
        """Take a request whose body is complete. `rest` is the path below the route."""
        intake = self._intake
        if intake is None:
            self._turn_away(request, "the trigger was changed or stopped meanwhile")
            return
        if self._paused:
            why = "the trigger is paused; `tidegate trigger resume` lets calls in again"
            self._turn_away(request, why, PAUSED_RETRY)
            return
        if not intake.credit:
            self._turn_away(request, "too many calls at once")
            return
        try:
            deliveries = self._deliveries(request, rest)
        except ValueError as error:
            answer = plain_answer(400, f"not a CloudEvent that can be taken: {error}")
            request.respond(400, answer.headers, answer.body)
        else:
            intake.push(deliveries)

    def _turn_away(self, request: Request, why: str, retry_after: bytes = b"1") -> None:
        answer = plain_answer(503, f"{self.name}: {why}; try again")
        request.respond(503, (*answer.headers, (b"retry-after", retry_after)), answer.body)

    def _deliveries(self, request: Request, rest: str) -> list[Delivery]:
        content_type = request.header(b"content-type") or b""
        kind = content_type.lower()
        if kind.startswith(b"application/cloudevents-batch"):
            return self._batch(request)
        if kind.startswith(b"application/cloudevents"):
            return [self._call(request, event_from_json(request.body), rest)]
        if request.header(b"ce-specversion") is not None:
            return [self._call(request, _binary_event(request, content_type), rest)]
        return [self._call(request, self._plain_event(request, content_type), rest)]

    def _call(self, request: Request, event: CloudEvent, rest: str) -> Delivery:
        delivery = Delivery(event, self._answer)
        target = (rest or "/") + (f"?{request.query}" if request.query else "")
        delivery.call = HttpCall(
            request.method.encode(),
            target.encode("latin-1"),
            _passed_on(request),
            request,
            request.header(b"traceparent"),
        )
        return delivery

    def _plain_event(self, request: Request, content_type: bytes) -> CloudEvent:
        """Make an event of a request that is none."""
        key = request.header(b"idempotency-key")
        traceparent = request.header(b"traceparent")
        return CloudEvent(
            id=key.decode("latin-1") if key else f"{self._id_prefix}{next(self._ids)}",
            source=self._origin,
            type=EVENT_TYPE,
            subject=request.path,
            time=datetime.now(UTC).isoformat(),
            datacontenttype=content_type.decode("latin-1") or None,
            extensions=(
                {"traceparent": traceparent.decode("latin-1")} if traceparent else NO_EXTENSIONS
            ),
            data=request.body or None,
        )

    def _answer(self, delivery: Delivery) -> None:
        """Tell the caller what became of a delivery, where the function has not told."""
        call = delivery.call
        assert isinstance(call, HttpCall)
        request = call.answer
        if request.gone:
            return
        if request.started:
            request.abort()
            return
        status, sentence = _verdict(delivery)
        answer = plain_answer(status, f"{self.name}: {sentence}")
        headers: tuple[tuple[bytes, bytes], ...] = answer.headers
        if status == 503:
            headers = (*headers, (b"retry-after", b"1"))
        request.respond(status, headers, b"" if status == 204 else answer.body)

    def _batch(self, request: Request) -> list[Delivery]:
        events = events_from_json(request.body)
        if len(events) > BATCH_LIMIT:
            raise ValueError(f"the batch has {len(events)} events; send {BATCH_LIMIT} at most")
        if not events:
            request.respond(200, _JSON, b"[]")
        return BatchReply(request, len(events)).deliveries(events)


class BatchReply:
    """Answers a batch request when the last of its events has ended."""

    def __init__(self, request: Request, count: int) -> None:
        self._request = request
        self._rows: list[Mapping[str, object]] = [{}] * count
        self._left = count
        self._failed = False

    def deliveries(self, events: list[CloudEvent]) -> list[Delivery]:
        """Return a delivery for each event; that the caller waits is what their `call` says."""
        deliveries = [Delivery(event, self._settled, at) for at, event in enumerate(events)]
        for delivery in deliveries:
            delivery.call = self
        return deliveries

    def _settled(self, delivery: Delivery) -> None:
        position = delivery.position
        assert isinstance(position, int)
        taken = delivery.outcome in (Outcome.DELIVERED, Outcome.FILTERED)
        row: dict[str, object] = {"id": delivery.event.id, "source": delivery.event.source}
        row["outcome"] = delivery.outcome.value if delivery.outcome else None
        if not taken:
            self._failed = True
            row["error"] = _verdict(delivery)[1]
        self._rows[position] = row
        self._left -= 1
        if not self._left:
            self._request.respond(502 if self._failed else 200, _JSON, orjson.dumps(self._rows))


def _verdict(delivery: Delivery) -> tuple[int, str]:
    """Return the status and the sentence for a delivery that the function did not answer."""
    error = delivery.last_error
    match delivery.outcome, error:
        case Outcome.FILTERED, _:
            return 204, "filtered out"
        case Outcome.DEAD_LETTERED, _:
            return 502, f"the function failed, and the event is kept as a dead letter: {error}"
        case _, AttemptTimeout():
            return 504, str(error)
        case _, NoEndpoint():
            return 503, str(error)
        case _, SinkUnavailable(status=None):
            return 502, str(error)
        case _:
            return 502, str(error or "the gateway is stopping; try again")


def _binary_event(request: Request, content_type: bytes) -> CloudEvent:
    """Decode a binary-mode event (HTTP binding 3.1)."""
    try:
        attributes = {
            name[3:].decode("latin-1"): decode_attribute(value)
            for name, value in request.headers
            if name.startswith(b"ce-")
        }
    except InvalidHeader as error:
        raise ValueError(str(error)) from error
    if "datacontenttype" in attributes:
        raise ValueError("send Content-Type in place of ce-datacontenttype")
    return event_from_attributes(
        attributes, request.body or None, content_type.decode("latin-1") or None
    )


def _passed_on(request: Request) -> Headers:
    """The caller's headers that the function shall see."""
    hop = Hop(request.peer.encode(), request.host.encode("latin-1"))
    kept = [
        header
        for header in end_to_end(request.headers)
        if header[0] not in OWN_HEADERS
        and header[0] != b"expect"
        and not header[0].startswith(OWN_PREFIXES)
    ]
    return with_forwarded(kept, hop, trusted=False)
