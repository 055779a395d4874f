"""Sends several events in one call, and finds out which of them failed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from gateway.core.breaker import is_systemic
from gateway.core.cloudevents import event_to_json
from gateway.core.delivery import Answer, Delivery
from gateway.core.event import CloudEvent
from gateway.core.sink import Sink
from gateway.errors import AttemptTimeout, EventRejected, NoEndpoint, SinkUnavailable
from gateway.http.errors import ConnectFailed
from tidegate.api.subscription import Subscription

CONTENT_TYPE = "application/cloudevents-batch+json"
EVENT_TYPE = "io.kubeless.batch"


@dataclass(frozen=True, slots=True)
class _Sending:
    """One event on its way, and who waits for what becomes of it."""

    delivery: Delivery
    future: asyncio.Future[Answer]


class BatchSink:
    """Joins events that are sent at the same time into CloudEvents batches for another sink.

    A batch is sent when it has `maxEvents`, when it has `maxBytes`, or `maxWait` after its first
    event. Every event gets an outcome of its own, so that retries, order and dead letters are
    those of single events:

    - a success with `batchItemFailures` (`[{"itemIdentifier": <event id>}]`) fails those named;
      an identifier that is none of the batch fails all of it;
    - a failure that the function answered is halved until the events that cause it stand alone;
      halving costs no event an attempt;
    - a connection that died or a deadline that passed tells nothing about who did it: all of the
      batch are next tried alone;
    - where nothing was there to answer, all are tried again as they were.
    """

    def __init__(self, sink: Sink, subscription: Subscription) -> None:
        batch = subscription.policy.batch
        assert batch is not None
        self._sink = sink
        self._name = f"calling function {subscription.namespace}/{subscription.function}"
        self._limits = batch
        self._timeout = subscription.policy.timeout
        self._forming: list[_Sending] = []
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def send(self, delivery: Delivery, deadline: float) -> Answer | None:
        """See `Sink.send`. The batch has the policy's timeout from when it is sent."""
        sending = _Sending(delivery, asyncio.get_running_loop().create_future())
        if delivery.alone:
            self._begin([sending])
        else:
            self._join(sending)
        try:
            return await sending.future
        except asyncio.CancelledError:
            if sending in self._forming:
                self._forming.remove(sending)
                self._size -= delivery.size
            raise

    async def close(self) -> None:
        """See `Sink.close`. What is being formed or sent ends as `SinkUnavailable`."""
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._fail(self._taken(), SinkUnavailable(f"{self._name}: the batch was given up"))
        await self._sink.close()

    def _join(self, sending: _Sending) -> None:
        self._forming.append(sending)
        self._size += sending.delivery.size
        limits = self._limits
        if len(self._forming) >= limits.max_events or self._size >= limits.max_bytes:
            self._flush()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(limits.max_wait, self._flush)

    def _flush(self) -> None:
        batch = self._taken()
        if batch:
            self._begin(batch)

    def _taken(self) -> list[_Sending]:
        """Take what has been formed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._forming, self._size = self._forming, [], 0
        return batch

    def _begin(self, batch: list[_Sending]) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(batch), name=self._name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, batch: Sequence[_Sending]) -> None:
        """Send `batch` and give every event of it its outcome."""
        deadline = asyncio.get_running_loop().time() + self._timeout
        try:
            answer = await self._sink.send(_joined(batch), deadline)
        except EventRejected as error:
            await self._halve(batch, error)
        except SinkUnavailable as error:
            if is_systemic(error):
                self._fail(batch, error)
            else:
                await self._halve(batch, error)
        except asyncio.CancelledError:
            self._fail(batch, SinkUnavailable(f"{self._name}: the batch was given up"))
            raise
        else:
            self._report(batch, answer or Answer(200))

    async def _halve(
        self, batch: Sequence[_Sending], error: EventRejected | SinkUnavailable
    ) -> None:
        """Send both halves, in order; an event that fails by itself has failed."""
        if len(batch) == 1:
            self._fail(batch, error)
            return
        middle = len(batch) // 2
        await self._deliver(batch[:middle])
        await self._deliver(batch[middle:])

    def _report(self, batch: Sequence[_Sending], answer: Answer) -> None:
        """Tell each event what the function said of it."""
        failed = _failed_items(answer)
        if not failed <= {one.delivery.event.id for one in batch}:
            text = f"{self._name}: batchItemFailures names what is not in the batch"
            self._fail(batch, SinkUnavailable(text, status=answer.status))
            return
        for one in batch:
            if one.delivery.event.id in failed:
                text = f"{self._name}: it named the event among batchItemFailures"
                self._fail([one], SinkUnavailable(text, status=answer.status))
            elif not one.future.done():
                one.future.set_result(Answer(answer.status, answer.headers))

    def _fail(self, batch: Sequence[_Sending], error: EventRejected | SinkUnavailable) -> None:
        whole = len(batch) > 1 and _may_be_poison(error)
        for one in batch:
            one.delivery.alone = one.delivery.alone or whole
            if not one.future.done():
                one.future.set_exception(error)


def _may_be_poison(error: EventRejected | SinkUnavailable) -> bool:
    """Whether an event of the batch may have caused `error`: something had begun to work on it."""
    if isinstance(error, AttemptTimeout):
        return True
    nobody = isinstance(error, NoEndpoint) or isinstance(error.__cause__, ConnectFailed)
    return error.status is None and not nobody


def _joined(batch: Sequence[_Sending]) -> Delivery:
    """Return the batch as one event, in the CloudEvents JSON batch format."""
    events = [one.delivery.event for one in batch]
    body = b"[" + b",".join(event_to_json(event) for event in events) + b"]"
    whole = CloudEvent(
        f"{events[0].id}+{len(events) - 1}",
        events[0].source,
        EVENT_TYPE,
        datacontenttype=CONTENT_TYPE,
        data=body,
    )
    return Delivery(whole, lambda _: None)


def _failed_items(answer: Answer) -> set[str]:
    """Return the identifiers of `batchItemFailures`; none, when the answer does not have them."""
    if b"batchItemFailures" not in answer.body:
        return set()
    try:
        rows = orjson.loads(answer.body)["batchItemFailures"] or []
        return {str(row["itemIdentifier"]) for row in rows}
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return {""}
