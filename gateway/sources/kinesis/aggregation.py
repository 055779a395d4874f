"""Records of the Kinesis Producer Library (KPL): many user records in one. Pure.

Format: https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md:
four magic bytes, a protobuf message, and the MD5 of that message.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

MAGIC = b"\xf3\x89\x9a\xc2"
_DIGEST = 16
_MESSAGE = 2
"""The wire type of bytes, texts and messages within."""


class UserRecord(NamedTuple):
    """What a producer sent: `sub` is its place in the record that Kinesis keeps."""

    sub: int
    partition_key: str
    hash_key: int
    data: bytes


def user_records(data: bytes) -> list[UserRecord] | None:
    """Take an aggregated record apart; None when it is an ordinary one."""
    if not data.startswith(MAGIC) or len(data) <= len(MAGIC) + _DIGEST:
        return None
    message, digest = data[len(MAGIC) : -_DIGEST], data[-_DIGEST:]
    if hashlib.md5(message, usedforsecurity=False).digest() != digest:
        return None
    try:
        return _parsed(message)
    except (ValueError, IndexError):
        return None


def hash_key(partition_key: str) -> int:
    """Return where Kinesis puts a partition key."""
    digest = hashlib.md5(partition_key.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest, "big")


def _parsed(message: bytes) -> list[UserRecord]:
    keys: list[str] = []
    hash_keys: list[int] = []
    records: list[bytes] = []
    for number, value in _fields(message):
        if isinstance(value, int):
            continue
        if number == 1:
            keys.append(value.decode())
        elif number == 2:
            hash_keys.append(int(value))
        elif number == 3:
            records.append(value)
    return [_record(sub, body, keys, hash_keys) for sub, body in enumerate(records)]


def _record(sub: int, body: bytes, keys: list[str], hash_keys: list[int]) -> UserRecord:
    fields = dict(_fields(body))
    key_index, explicit, data = fields.get(1), fields.get(2), fields.get(3, b"")
    if not isinstance(key_index, int) or isinstance(data, int) or isinstance(explicit, bytes):
        raise ValueError("a field has another type than the format says")
    key = keys[key_index]
    where = hash_key(key) if explicit is None else hash_keys[explicit]
    return UserRecord(sub, key, where, data)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the fields of a protobuf message, of the two wire types that the format uses."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        value, at = _varint(message, at)
        if tag & 7 == 0:
            yield tag >> 3, value
        elif tag & 7 == _MESSAGE:
            if at + value > len(message):
                raise ValueError("a field is longer than the message")
            yield tag >> 3, message[at : at + value]
            at += value
        else:
            raise ValueError(f"wire type {tag & 7} is not in the format")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")
