"""Aggregated records, as the Kinesis Producer Library writes them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

MAGIC = b"\xf3\x89\x9a\xc2"


def aggregated(records: Sequence[tuple[str, bytes]], hash_keys: Sequence[int] = ()) -> bytes:
    """Return one record that holds `records` of (partition key, data)."""
    keys = list(dict.fromkeys(key for key, _ in records))
    message = b"".join(_bytes(1, key.encode()) for key in keys)
    message += b"".join(_bytes(2, str(number).encode()) for number in hash_keys)
    for index, (key, data) in enumerate(records):
        body = _number(1, keys.index(key))
        if hash_keys:
            body += _number(2, index)
        message += _bytes(3, body + _bytes(3, data))
    return MAGIC + message + hashlib.md5(message).digest()


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
