"""What is published, and what the function makes of each: both follow from a seed. Pure."""

from __future__ import annotations

from enum import Enum
from hashlib import blake2b
from typing import NamedTuple

SIZE = 200
"""Bytes of a payload."""

_OUT_OF = 10_000


class Order(NamedTuple):
    """One event: the `number`th of its key, counted from 0."""

    key: str
    number: int

    def payload(self) -> bytes:
        """Return the bytes that say which one it is."""
        return f"{self.key} {self.number} ".encode().ljust(SIZE, b".")


def order_from_payload(payload: bytes) -> Order:
    """Return the order that `payload` was made of."""
    key, number, _ = payload.split(b" ", 2)
    return Order(key.decode(), int(number))


def orders(count: int, keys: int, first: int = 0) -> list[Order]:
    """Return `count` orders after the first `first` ones, one for each key in turn."""
    return [Order(f"key{n % keys}", n // keys) for n in range(first, first + count)]


class Answer(Enum):
    """How a function answers."""

    OK = 200
    REJECTED = 400
    FAILED = 500
    UNAVAILABLE = 503
    RESET = 0


class Fate(NamedTuple):
    """How the function answers an order until it takes it; `failures` of -1 is for ever."""

    answer: Answer = Answer.OK
    failures: int = 0

    @property
    def poison(self) -> bool:
        """Whether the function never takes it."""
        return self.failures < 0


_POISON = (Answer.REJECTED, Answer.FAILED)
_TRANSIENT = (Answer.UNAVAILABLE, Answer.FAILED, Answer.RESET)


def fate(seed: str, order: Order) -> Fate:
    """Return what becomes of `order`: 1 % is poison, and 5 % fails once or twice.

    The position that a broker gives an event differs from run to run, so it is the order itself
    that decides.
    """
    text = f"{seed}/{order.key}/{order.number}".encode()
    drawn = int.from_bytes(blake2b(text, digest_size=8).digest(), "big")
    drawn, choice = divmod(drawn, _OUT_OF)
    if choice < 100:
        return Fate(_POISON[drawn % 2], -1)
    if choice < 600:
        return Fate(_TRANSIENT[drawn % 3], 1 + drawn // 3 % 2)
    return Fate()
