"""Topics and records as people name them. Light: nothing here knows a client library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic, its partitions, and the copies of each."""

    name: str
    partitions: int = 1
    replicas: int = 1


@dataclass(frozen=True, slots=True)
class Record:
    """What is written to a topic."""

    topic: str
    value: bytes
    key: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
