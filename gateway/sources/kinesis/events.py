"""CloudEvents of Kinesis records. Pure: the same record gives the same event on every replica.

CloudEvents has no binding for Kinesis. A record that is a CloudEvent in JSON stays one; any other
is wrapped: id `<shard>:<sequence>`, with `:<sub>` where records are aggregated, source the ARN of
the stream, type `com.amazon.kinesis.stream_record`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from gateway.core.cloudevents import event_from_json
from gateway.core.event import CloudEvent
from gateway.sources.kinesis.aggregation import user_records
from gateway.sources.kinesis.positions import Position

logger = logging.getLogger(__name__)

TYPE = "com.amazon.kinesis.stream_record"


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard of a stream; `first` to `last` are the hash keys that it takes."""

    id: str
    parents: tuple[str, ...] = ()
    first: int = 0
    last: int = 2**128 - 1


class Received(NamedTuple):
    """One event and where it stands. Without an event the record holds nothing for this shard."""

    position: Position
    key: str
    event: CloudEvent | None


class ShardEvents:
    """Makes events of the records of one shard."""

    def __init__(self, source: str, shard: Shard) -> None:
        self._source = source
        self._shard = shard
        self._strays_told = False

    def received(self, record: Mapping[str, Any], after: int = -1) -> Iterator[Received]:
        """Yield what `record` holds behind the record `after` within it."""
        sequence, key, data = record["SequenceNumber"], record["PartitionKey"], record["Data"]
        moment = _rfc3339(record.get("ApproximateArrivalTimestamp"))
        shard = self._shard
        inner = user_records(data)
        if inner is None:
            if after < 0:
                event = self._event(f"{shard.id}:{sequence}", sequence, key, data)
                yield Received(Position(sequence), key, _at(event, moment))
            return
        for one in inner:
            if not shard.first <= one.hash_key <= shard.last:
                self._leave_out(sequence)
            elif one.sub > after:
                event = self._event(
                    f"{shard.id}:{sequence}:{one.sub}", sequence, one.partition_key, one.data
                )
                yield Received(Position(sequence, one.sub), one.partition_key, _at(event, moment))
        yield Received(Position(sequence, max(len(inner) - 1, 0)), key, None)

    def _leave_out(self, sequence: str) -> None:
        """Say once that records of an aggregate are not this shard's.

        The Kinesis Producer Library gathers by shard, and after a split sends those that came into
        the wrong half again to their own: they would be delivered twice. Others may not do so.
        """
        if not self._strays_told:
            self._strays_told = True
            logger.warning(
                "%s, %s: the aggregated record %s holds records whose keys belong to other shards; "
                "they are left to those, where the Kinesis Producer Library sends them again. A "
                "producer with an aggregator of its own must gather records of one shard only, or "
                "these are lost. Told once for each start of the shard",
                self._source,
                self._shard.id,
                sequence,
            )

    def _event(self, id: str, sequence: str, key: str, data: bytes) -> CloudEvent:
        return _event_in(data) or CloudEvent(
            id,
            self._source,
            TYPE,
            key,
            extensions={
                "partitionkey": key,
                "sequence": sequence,
                "kinesisshard": self._shard.id,
            },
            data=data,
        )


def _event_in(data: bytes) -> CloudEvent | None:
    """Decode a structured event; parse nothing that cannot be one."""
    if data[:1] not in (b"{", b" ", b"\n") or b'"specversion"' not in data:
        return None
    try:
        return event_from_json(data)
    except ValueError:
        return None


def _at(event: CloudEvent, moment: str | None) -> CloudEvent:
    """Give a wrapped record the time of its arrival; an event keeps its own."""
    return event._replace(time=moment) if event.type == TYPE and event.time is None else event


def _rfc3339(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
