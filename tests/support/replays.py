"""Replays of a running gateway, and what they tell."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.gateways import Running

Report = dict[str, Any]


class Told:
    """What a replay has told so far."""

    def __init__(self) -> None:
        self.lines: list[Mapping[str, Any]] = []

    async def __call__(self, line: Mapping[str, Any]) -> None:
        self.lines.append(line)

    @property
    def report(self) -> Report:
        """The last line: how it went."""
        report: Report = self.lines[-1]["report"]
        return report


async def replayed(running: Running, patience: float = 60.0, **fields: Any) -> Report:
    """Replay events of the trigger `orders` of namespace `default`; return the report."""
    told = Told()
    async with asyncio.timeout(patience):
        await prepared(running, **fields).run(told)
    return told.report


def prepared(running: Running, **fields: Any) -> Any:
    """Return a replay that could be run. `start` and `end` stand for from and to."""
    names = {"start": "from", "end": "to"}
    body = {names.get(name, name): _text(value) for name, value in fields.items()}
    whole = {"namespace": "default", "trigger": "orders", "rate": 0, "from": "1h", **body}
    return running.gateway.replays.prepared(whole)


def counts(report: Report) -> dict[str, int]:
    """Return the counts that are not 0."""
    names = ("read", "delivered", "failed", "filtered", "deadLettered", "stopped")
    return {name: report[name] for name in names if report[name]}


def ago(**units: float) -> datetime:
    """Return a moment of the past."""
    return datetime.now(UTC) - timedelta(**units)


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
