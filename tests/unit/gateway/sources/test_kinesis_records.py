"""Kinesis records become events; those of the KPL are taken apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sources.kinesis.aggregation import MAGIC, hash_key, user_records
from gateway.sources.kinesis.events import TYPE, Shard, ShardEvents
from gateway.sources.kinesis.positions import (
    Position,
    at_time,
    iterator_after,
    iterator_request,
    position_from_text,
)
from tests.support.kpl import aggregated

ARN = "arn:aws:kinesis:eu-west-1:000000000000:stream/orders"
SHARD = Shard("shardId-000000000000")
MOMENT = datetime(2026, 1, 31, 12, 0, 0, 123000, UTC)


def record(data: bytes, sequence: str = "49", key: str = "k") -> dict[str, Any]:
    return {
        "SequenceNumber": sequence,
        "PartitionKey": key,
        "Data": data,
        "ApproximateArrivalTimestamp": MOMENT,
    }


def received(data: bytes, shard: Shard = SHARD, after: int = -1) -> list[Any]:
    return list(ShardEvents(ARN, shard).received(record(data), after))


@pytest.mark.regression("Dapr: partition key and sequence number of a record are dropped")
def test_a_record_is_wrapped_with_its_place() -> None:
    (one,) = received(b"\x00\xff")
    assert one.position == Position("49", 0)
    event = one.event
    assert (event.id, event.source, event.type) == ("shardId-000000000000:49", ARN, TYPE)
    assert (event.subject, event.time) == ("k", "2026-01-31T12:00:00.123Z")
    assert event.extensions == {
        "partitionkey": "k",
        "sequence": "49",
        "kinesisshard": "shardId-000000000000",
    }
    assert event.data == b"\x00\xff"


def test_a_record_that_is_a_cloudevent_is_kept() -> None:
    document = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "sold", "data": 1}
    (one,) = received(json.dumps(document).encode())
    assert (one.event.id, one.event.source, one.event.type) == ("7", "/shop", "sold")
    assert one.event.time is None
    assert one.key == "k"


def test_what_only_looks_like_a_cloudevent_is_wrapped() -> None:
    (one,) = received(b'{"specversion": "1.0", "id": ')
    assert one.event.type == TYPE


def test_an_aggregated_record_is_taken_apart() -> None:
    data = aggregated([("a", b"1"), ("b", b"2"), ("a", b"3")])
    *events, end = received(data)
    assert [one.event.id.rpartition(":49:")[2] for one in events] == ["0", "1", "2"]
    assert [(one.key, one.event.data) for one in events] == [("a", b"1"), ("b", b"2"), ("a", b"3")]
    assert [one.position.sub for one in events] == [0, 1, 2]
    assert end.event is None
    assert end.position == Position("49", 2)


def test_after_a_split_each_shard_keeps_its_own_part() -> None:
    keys = [str(number) for number in range(40)]
    data = aggregated([(key, b"") for key in keys])
    middle = 2**127
    halves = [Shard("low", (), 0, middle - 1), Shard("high", (), middle, 2**128 - 1)]
    parts = [[one.key for one in received(data, half) if one.event] for half in halves]
    assert sorted(parts[0] + parts[1]) == sorted(keys)
    assert all(hash_key(key) < middle for key in parts[0])
    ids = [one.event.id for one in received(data, halves[1]) if one.event]
    assert ids == [f"high:49:{keys.index(key)}" for key in parts[1]]


def test_records_of_other_shards_in_an_aggregate_are_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    data = aggregated([("a", b"1"), ("a", b"2"), ("a", b"3")], hash_keys=[0, 2**127, 2**127])
    events = ShardEvents(ARN, Shard("low", (), 0, 2**127 - 1))
    for _ in range(2):
        assert [one.event.data for one in events.received(record(data)) if one.event] == [b"1"]
    (told,) = caplog.messages
    assert "low: the aggregated record 49 holds records whose keys belong to other shards" in told


def test_an_explicit_hash_key_decides_before_the_partition_key() -> None:
    data = aggregated([("a", b"1"), ("a", b"2")], hash_keys=[0, 2**127])
    low = Shard("low", (), 0, 2**127 - 1)
    assert [one.event.data for one in received(data, low) if one.event] == [b"1"]


def test_a_half_settled_record_goes_on_where_it_was() -> None:
    data = aggregated([("a", b"1"), ("b", b"2"), ("c", b"3")])
    assert [one.event.data for one in received(data, after=1) if one.event] == [b"3"]
    assert received(b"plain", after=0) == []


@pytest.mark.parametrize("change", ["digest", "magic", "short", "key", "truncated"])
def test_what_is_not_aggregated_rightly_is_an_ordinary_record(change: str) -> None:
    data = aggregated([("a", b"1")])
    broken = {
        "digest": data[:-1] + bytes([data[-1] ^ 1]),
        "magic": b"\x00" + data[1:],
        "short": MAGIC,
        "key": signed(b"\x1a\x04\x08\x07\x1a\x00"),
        "truncated": signed(b"\x1a\x7f\x08"),
    }[change]
    (one,) = received(broken)
    assert one.event.data == broken


def signed(message: bytes) -> bytes:
    return MAGIC + message + hashlib.md5(message).digest()


@given(st.binary(max_size=80))
def test_no_message_whatever_is_an_error(message: bytes) -> None:
    user_records(signed(message))
    user_records(message)


@given(st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=300)), min_size=1, max_size=20))
def test_what_was_aggregated_comes_apart_again(records: Sequence[tuple[str, bytes]]) -> None:
    found = user_records(aggregated(records))
    assert found is not None
    assert [(one.partition_key, one.data) for one in found] == list(records)


def test_a_lease_says_how_to_go_on() -> None:
    assert iterator_request("TRIM_HORIZON") == {"ShardIteratorType": "TRIM_HORIZON"}
    assert iterator_request(at_time(MOMENT)) == {
        "ShardIteratorType": "AT_TIMESTAMP",
        "Timestamp": MOMENT,
    }
    assert iterator_request("49:3") == {
        "ShardIteratorType": "AT_SEQUENCE_NUMBER",
        "StartingSequenceNumber": "49",
    }
    assert iterator_after("49")["ShardIteratorType"] == "AFTER_SEQUENCE_NUMBER"
    assert position_from_text(Position("49", 3).text) == Position("49", 3)
    assert position_from_text("TRIM_HORIZON") is None
