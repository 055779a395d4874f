"""One event through filter, function and policy of a trigger, of which nothing remains."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import orjson

from gateway.context import Context
from gateway.core.cloudevents import event_from_json
from gateway.core.delivery import Answer, Delivery
from gateway.core.event import CloudEvent
from gateway.core.redaction import redacted
from gateway.core.retry import RetryPolicy
from gateway.core.tail import LONGEST_PAYLOAD, payload_row
from gateway.core.verdict import Verdict, verdict
from gateway.errors import CallerGone, EventRejected, NoEndpoint, SinkUnavailable
from gateway.http.errors import InvalidHeader
from gateway.http.event_head import EventHead
from gateway.named import fed_by
from gateway.registry import function_sink
from tidegate.api.subscription import DeliveryPolicy, OnExhausted, Subscription

BACKOFFS = 10
"""Waits between attempts that are shown; a policy may have many more."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TrialRequest:
    """What is tried, and whether the function is called."""

    namespace: str
    trigger: str
    event: CloudEvent
    kind: str = ""
    dry: bool = False


def request_from_json(body: Mapping[str, Any]) -> TrialRequest:
    """Read a request. Raises `ValueError` that names what is wrong with it."""
    names = {name: body.get(name, "") for name in ("namespace", "trigger", "kind")}
    if not all(isinstance(text, str) for text in names.values()):
        raise ValueError("namespace, trigger and kind are not all texts")
    if not names["trigger"]:
        raise ValueError("trigger is missing; name the one to try")
    event = event_from_json(orjson.dumps(body.get("event")))
    return TrialRequest(**names, event=event, dry=body.get("dry") is True)


class Trials:
    """Tries events with what runs here. No source, no books and no dead-letter sink takes part."""

    def __init__(
        self, subscriptions: Callable[[], Iterable[Subscription]], context: Context
    ) -> None:
        self._subscriptions = subscriptions
        self._context = context

    async def run(self, request: TrialRequest) -> list[Row]:
        """Return what happened, a row for each function that the trigger feeds.

        Raises `NotRunning` for a trigger that is not here, and `ValueError` for a name of two.
        """
        found = fed_by(request, self._subscriptions())
        return [await self._tried(one, request) for one in found]

    async def _tried(self, subscription: Subscription, request: TrialRequest) -> Row:
        said = verdict(subscription.filters, request.event.attribute)
        row: Row = {
            "trigger": subscription.trigger,
            "kind": subscription.kind,
            "function": subscription.function,
            "paused": subscription.paused,
            "filter": _verdict_row(said),
            "request": _request_row(subscription, request.event),
        }
        if not said.matched:
            return {**row, "then": "filtered: the function is not called, and the event is done"}
        if request.dry:
            return {**row, "then": "not sent: this is a dry trial"}
        return {**row, **await self._sent(subscription, request.event)}

    async def _sent(self, subscription: Subscription, event: CloudEvent) -> Row:
        """Call the function once, under the policy's own deadline."""
        sink = function_sink(subscription, self._context)
        delivery = Delivery(event, lambda _: None)
        delivery.asked = True  # a failure's answer is kept, too
        started, error = time.monotonic(), None
        deadline = asyncio.get_running_loop().time() + subscription.policy.timeout
        try:
            delivery.answer = await sink.send(delivery, deadline)
        except (SinkUnavailable, EventRejected, CallerGone) as failure:
            error = failure
        finally:
            await sink.close()
        return {
            "answer": _answer_row(delivery.answer),
            "error": "" if error is None else str(error),
            "seconds": round(time.monotonic() - started, 6),
            **_consequence(subscription.policy, error),
        }


def _verdict_row(said: Verdict) -> Row:
    clauses = [asdict(one) for one in said.clauses]
    return {
        "matched": said.matched,
        "clauses": clauses,
        "because": [asdict(one) for one in said.because],
    }


def _request_row(subscription: Subscription, event: CloudEvent) -> Row:
    """Return what would be sent: its first line and its headers, credentials left out."""
    timeout = subscription.policy.timeout
    try:
        head = EventHead(subscription.kind).encode(event, subscription.function, timeout)
    except InvalidHeader as error:
        return {"error": str(error)}
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = (line.partition(": ") for line in lines)
    shown = [[name, redacted(name, text)] for name, _, text in pairs]
    return {"line": first, "headers": shown, "bytes": len(event.data or b"")}


def _answer_row(answer: Answer | None) -> Row | None:
    if answer is None:
        return None
    headers = [[name.decode("latin-1"), text.decode("latin-1")] for name, text in answer.headers]
    shown = [[name, redacted(name, text)] for name, text in headers]
    body = payload_row(answer.body[:LONGEST_PAYLOAD])
    return {"status": answer.status, "headers": shown, **body}


def _consequence(policy: DeliveryPolicy, error: Exception | None) -> Row:
    """Say what the policy would do now with an event of the source."""
    if error is None:
        return {"then": "delivered: the event is done", "backoffs": []}
    retry = RetryPolicy(policy, lambda: 0.5)
    end = _end(policy)
    if not isinstance(error, SinkUnavailable) or not retry.covers(error):
        return {"then": f"not tried again, since retryOn does not have it: {end}", "backoffs": []}
    if isinstance(error, NoEndpoint):
        return {"then": "tried again until a process is ready; no attempt is spent", "backoffs": []}
    waits = list(islice(_waits(policy, retry, error.retry_after), BACKOFFS))
    often = "until it succeeds" if policy.retry < 0 else f"{policy.retry} times"
    last = "" if policy.retry < 0 else f", then {end}"
    if policy.retry == 0:
        return {"then": f"not tried again, since delivery.retry is 0: {end}", "backoffs": []}
    return {"then": f"tried again {often}{last}", "backoffs": waits}


def _waits(policy: DeliveryPolicy, retry: RetryPolicy, asked: float | None) -> Iterator[float]:
    attempt = 0
    while policy.retry < 0 or attempt < policy.retry:
        attempt += 1
        yield round(retry.delay(attempt, asked), 3)


def _end(policy: DeliveryPolicy) -> str:
    match policy.on_exhausted:
        case OnExhausted.DEAD_LETTER if policy.dead_letter is not None:
            return f"a dead letter to {policy.dead_letter.kind} {policy.dead_letter.target}"
        case OnExhausted.DROP:
            return "dropped, and counted"
        case _:
            return "parked until somebody acts; its lane waits (an HTTP caller is told instead)"
