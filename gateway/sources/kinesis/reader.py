"""Reads one shard from where its lease stands to its end."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from gateway.core.delivery import Delivery
from gateway.core.resume import decode
from gateway.core.source import Intake
from gateway.core.uncommitted import Uncommitted
from gateway.errors import SourceUnavailable
from gateway.sources.kinesis.aws import IteratorExpired, NotThere, Throttled
from gateway.sources.kinesis.credit import SharedCredit
from gateway.sources.kinesis.events import Shard, ShardEvents
from gateway.sources.kinesis.positions import (
    Kept,
    iterator_after,
    iterator_request,
    kept_from_text,
)
from gateway.sources.kinesis.records import ShardRecords
from gateway.sources.kinesis.stream import Stream

logger = logging.getLogger(__name__)

T = TypeVar("T")

LIMIT = 1000
"""Records of one call: a shard takes no more in a second."""

BATCH_BYTES = 2 * 1024 * 1024
"""What one call should bring, judged by the records before: a shard gives no more in a second."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a shard is asked. Seconds."""

    busy: float = 0.2
    """Between calls while there are records: AWS allows five in a second to each shard."""

    idle: float = 1.0
    """Between calls to a shard that has been empty for a while."""

    backoff: float = 0.2
    """After the first refusal; doubles with each, with jitter."""

    backoff_max: float = 10.0
    """Longest wait after a refusal."""

    patience: float = 15.0
    """A shard that could not be read for so long, throttling apart, is a failure to report."""

    quiet: float = 5.0
    """A shard that gave no answer for longer may be behind by all of that, too."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the readers of one stream share."""

    name: str
    stream: Stream
    events: Callable[[Shard], ShardEvents]
    holds: Callable[[str], bool]
    """Whether the lease of a shard is still ours."""

    changed: Callable[[], None]
    """Called when a shard has nothing in work and will be read no further."""

    uncommitted: Callable[[int], None]
    """Told how many more records have ended than leases say, or how many fewer."""

    pace: Pace


class ShardReader:
    """Pushes the records of `shard` and knows how far they are settled.

    The place is kept as a sequence number, since an iterator dies after five minutes. Once given
    up (`revoke`), whatever settles later moves nothing.
    """

    def __init__(self, shard: Shard, start: str, around: Surroundings) -> None:
        self.shard = shard
        self.ended = False
        self._around = around
        self._kept = self._kept_in(start)
        uncommitted = Uncommitted(around.uncommitted)
        self._records = ShardRecords(
            shard, around.events(shard), self._kept, uncommitted, self._settled
        )
        self._settled_some = asyncio.Event()
        self._record_size = 1024.0
        self._delay = around.pace.busy
        self._behind, self._answered = 0.0, asyncio.get_running_loop().time()
        self._stopped_at: float | None = None

    @property
    def position(self) -> str:
        """How far everything is settled, and what is beyond, as a lease keeps it."""
        return self._records.position

    @property
    def finished(self) -> bool:
        """Whether the shard is read to its end and settled whole."""
        return self.ended and self._records.drained

    @property
    def unsettled(self) -> Collection[Delivery]:
        """What was pushed and has no outcome yet."""
        return self._records.unsettled

    @property
    def idle(self) -> bool:
        """Whether everything that was pushed has an outcome, `RELEASED` included."""
        return self._records.idle

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped_at is not None

    @property
    def stopped_for(self) -> float:
        """Seconds since `stop`."""
        now = asyncio.get_running_loop().time()
        return 0.0 if self._stopped_at is None else now - self._stopped_at

    @property
    def lag(self) -> float:
        """Seconds: the age of the oldest record that has not ended, or how far reading is behind.

        A shard that is not asked, or does not answer, may be later by all of that time.
        """
        silent = asyncio.get_running_loop().time() - self._answered
        unheard = silent if silent > self._around.pace.quiet and not self.ended else 0.0
        oldest = self._records.oldest
        age = 0.0 if oldest is None else time.time() - oldest.timestamp()
        return max(self._behind + unheard, age)

    @property
    def _reads(self) -> bool:
        """Whether what comes is ours to push; also where a cancellation has got lost."""
        return not self.stopped and self._around.holds(self.shard.id)

    def stop(self) -> None:
        """Note that nothing more will be read: the last settlement is worth a call."""
        self._stopped_at = asyncio.get_running_loop().time()

    def written(self, position: str) -> None:
        """Note that the lease says `position`: what it covers is not repeated any more."""
        self._records.written(position)

    def revoke(self) -> None:
        """Give the shard up."""
        self._records.revoke()

    def _kept_in(self, start: str) -> Kept:
        """Read what the lease keeps; what is done beyond comes again where it is broken."""
        kept = kept_from_text(start)
        try:
            decode(0, kept.beyond)
        except ValueError as error:
            logger.warning(
                "%s: %s: what its lease notes beyond %s: %s; what was done there comes again",
                self._around.name,
                self.shard.id,
                kept.place,
                error,
            )
            return Kept(kept.place)
        return kept

    async def run(self, intake: Intake, credit: SharedCredit) -> None:
        """Read until the end of the shard, or until the lease is lost."""
        request: Mapping[str, Any] = iterator_request(self._kept.place)
        while True:
            try:
                iterator = await self._place(request)
                while iterator is not None and self._reads:
                    iterator = await self._step(iterator, intake, credit)
                break
            except IteratorExpired:
                request = self._resumption()
        self.ended = iterator is None
        self._tell()

    async def _place(self, request: Mapping[str, Any]) -> str | None:
        """Return an iterator; None when the records of the whole shard are gone."""
        stream, shard = self._around.stream, self.shard.id
        try:
            return await self._patiently(lambda: stream.iterator(shard, request))
        except NotThere:
            if shard in {one.id for one in await self._patiently(stream.shards)}:
                raise
        logger.warning(
            "%s: %s is no longer kept by the stream; what was not read of it is lost",
            self._around.name,
            shard,
        )
        return None

    def _resumption(self) -> Mapping[str, Any]:
        """Ask for what comes after the last record read, not after the last one settled."""
        last = self._records.last
        return iterator_request(self._kept.place) if last is None else iterator_after(last)

    async def _step(self, iterator: str, intake: Intake, credit: SharedCredit) -> str | None:
        """Read once; return the next iterator, which is always another one."""
        await self._room_in_window()
        started = asyncio.get_running_loop().time()
        batch = await self._patiently(lambda: self._fetch(iterator, intake, credit))
        following: str | None = batch.get("NextShardIterator")
        if following is not None:
            self._pace(batch)
            spent = asyncio.get_running_loop().time() - started
            await asyncio.sleep(max(self._delay - spent, 0))
        return following

    async def _room_in_window(self) -> None:
        while self._records.full:
            self._settled_some.clear()
            await self._settled_some.wait()

    async def _fetch(
        self, iterator: str, intake: Intake, credit: SharedCredit
    ) -> Mapping[str, Any]:
        """Read within the credit and push what came; what holds many events, as credit comes."""
        most = min(LIMIT, max(int(BATCH_BYTES / self._record_size), 1))
        async with credit.part(most) as limit:
            batch = await self._around.stream.records(iterator, limit)
            intake.polled()
            self._answered = asyncio.get_running_loop().time()
            self._behind = (batch.get("MillisBehindLatest") or 0) / 1000
            self._weigh(batch["Records"])
            rest = self._push(batch["Records"], limit, intake)
        while rest and self._reads:
            async with credit.part(LIMIT) as limit:
                rest = self._push(rest, limit, intake)
        # With something left this is not the end of the shard, whatever the answer said.
        return {**batch, "NextShardIterator": iterator} if rest else batch

    def _push(
        self, records: Sequence[Mapping[str, Any]], limit: int, intake: Intake
    ) -> Sequence[Mapping[str, Any]]:
        """Push the first of `records`, up to `limit` events or the end of one; return the rest."""
        if not self._reads:
            return records
        deliveries: list[Delivery] = []
        taken = 0
        while taken < len(records) and len(deliveries) < limit:
            deliveries += self._records.deliveries(records[taken])
            taken += 1
        if deliveries:
            intake.push(deliveries)
        return records[taken:]

    def _weigh(self, records: Sequence[Mapping[str, Any]]) -> None:
        if records:
            size = sum(len(record["Data"]) for record in records) / len(records)
            self._record_size = max(size, (self._record_size + size) / 2, 1)

    def _settled(self) -> None:
        self._settled_some.set()
        self._tell()

    def _tell(self) -> None:
        if (self.ended or self.stopped) and self.idle:
            self._around.changed()

    def _pace(self, batch: Mapping[str, Any]) -> None:
        """Ask at once where there is more, and ever more rarely where there is nothing."""
        pace = self._around.pace
        if batch["Records"] or batch.get("MillisBehindLatest"):
            self._delay = pace.busy
        else:
            self._delay = min(self._delay * 1.5, pace.idle)

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call until it works. Throttling is waited out; other failures only for a while.

        That counts from the first of those: before it, a call may have waited long for credit.
        """
        pace, loop = self._around.pace, asyncio.get_running_loop()
        failures, gives_up = 0, math.inf
        while True:
            try:
                return await call()
            except IteratorExpired:
                raise
            except SourceUnavailable as error:
                failures += 1
                if not isinstance(error, Throttled):
                    gives_up = min(gives_up, loop.time() + pace.patience)
                    if loop.time() > gives_up:
                        raise
                delay = min(pace.backoff * 2.0 ** min(failures - 1, 16), pace.backoff_max)
                logger.debug("%s: %s: %s", self._around.name, self.shard.id, error)
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))
