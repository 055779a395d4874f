"""What parent and worker say to each other, in frames of a length and a body.

The parent sends pickled values of this module: a worker is the same code and trusts it. A worker
sends JSON: it reads what strangers send, and the parent must not run what it says.
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from gateway.core.recollection import Question
from gateway.http.endpoints import Address, FunctionKey
from gateway.settings import Settings
from gateway.workers.secrets import Copies
from tidegate.api.subscription import Subscription

LONGEST = 256 * 1024 * 1024
"""Bytes of a frame; a longer one is not ours."""

_HEADER = 4


@dataclass(frozen=True, slots=True)
class Standing:
    """How a replica in a cluster stands with the others; its workers write records by it."""

    until: float = float("-inf")
    """How long all others take it for alive, by the monotonic clock, which is the machine's."""

    living: frozenset[str] = frozenset()
    """Identities of the replicas that may be at work, its own among them."""


@dataclass(frozen=True, slots=True)
class ClusterHome:
    """Where workers of a cluster keep what must survive them, and how they get there."""

    namespace: str
    identity: str
    """That of the replica: its workers write as one, since each record has one place."""

    kubeconfig: Path | None = None
    """None: this is a pod."""

    context: str = ""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What somebody wants to know of events; an answer names its number."""

    number: int
    question: Question
    follow: bool = False
    """Whether rows shall go on coming until it is unasked."""

    payload: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """What has changed for one worker. None of `subscriptions` leaves them as they are."""

    subscriptions: tuple[Subscription, ...] | None = None
    secrets: Copies = field(default_factory=dict, repr=False)
    """Those that `subscriptions` name."""

    endpoints: Mapping[FunctionKey, tuple[Address, ...]] = field(default_factory=dict)
    resume: frozenset[FunctionKey] = frozenset()
    standing: Standing | None = None
    """None: as it was."""

    stop: bool = False
    asked: tuple[Inquiry, ...] = ()
    unasked: frozenset[int] = frozenset()

    def then(self, later: Update) -> Update:
        """Return both changes as one, so that a slow worker has one update to come at most."""
        newer = self if later.subscriptions is None else later
        return Update(
            newer.subscriptions,
            newer.secrets,
            {**self.endpoints, **later.endpoints},
            self.resume | later.resume,
            later.standing or self.standing,
            self.stop or later.stop,
            tuple(one for one in self.asked if one.number not in later.unasked) + later.asked,
            self.unasked | later.unasked,
        )


@dataclass(frozen=True, slots=True)
class Setup:
    """The first word to a worker. `first` is the whole of what it shall run."""

    settings: Settings = field(repr=False)
    ledger: Path | None
    """None in a cluster."""

    log_level: int
    first: Update
    home: ClusterHome | None = None


def order_frame(order: Setup | Update) -> bytes:
    """Return what the parent sends."""
    return _framed(pickle.dumps(order, pickle.HIGHEST_PROTOCOL))


def report_frame(report: Mapping[str, Any]) -> bytes:
    """Return what a worker sends."""
    return _framed(orjson.dumps(report))


async def read_order(reader: asyncio.StreamReader) -> Any:
    """Return what the parent says next. Raises `EOFError` when it is gone."""
    return pickle.loads(await _body(reader))


async def read_report(reader: asyncio.StreamReader) -> dict[str, Any]:
    """Return what a worker says next. Raises `EOFError` when it is gone or talks nonsense."""
    try:
        report = orjson.loads(await _body(reader))
    except orjson.JSONDecodeError as error:
        raise EOFError(f"a worker's report is no JSON: {error}") from error
    if not isinstance(report, dict):
        raise EOFError("a worker's report is no object")
    return report


def _framed(body: bytes) -> bytes:
    return len(body).to_bytes(_HEADER) + body


async def _body(reader: asyncio.StreamReader) -> bytes:
    try:
        size = int.from_bytes(await reader.readexactly(_HEADER))
        if size > LONGEST:
            raise EOFError(f"a frame of {size} bytes is longer than {LONGEST}")
        return await reader.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise EOFError("the other process is gone") from error
