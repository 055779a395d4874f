"""How a run in several processes is spread: who shares a server stays together, long ones go first.

A unit is what one process runs in one piece. Servers that a session starts, it starts once in each
process that asks for them; so the tests on one server are one unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

ON_ONE_SERVER = {
    "tests/kube": "API server",
    "tests/transcripts": "API server",
    "tests/conformance/kube": "API server",
    "tests/integration/kafka": "Apache Kafka",
    "tests/integration/kinesis": "Kinesis emulator",
}
"""From folders of tests that share a server to the name of the unit that they are."""

LONGEST = (
    "API server",
    "Apache Kafka",
    "Kinesis emulator",
    "tests/faults",
    "tests/integration/up",
    "tests/integration",
    "tests/conformance",
)
"""Units whose names begin like this go first, in this order: so no process ends long after the
others."""

_LANGUAGE = re.compile(r"tests/conformance/runtimes/.*\[([a-z]+)")


class Spread(LoadScopeScheduling):
    """Hands out units in the order in which they were collected."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


def unit_of(nodeid: str) -> str:
    """Return the unit that a test belongs to: its server's, its language's or its file's."""
    file = nodeid.partition("::")[0]
    if language := _LANGUAGE.match(nodeid):
        return f"tests/conformance/runtimes: {language[1]}"
    servers = (name for folder, name in ON_ONE_SERVER.items() if file.startswith(f"{folder}/"))
    return next(servers, file)


def in_order(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Return the tests unit by unit, with the longest units first."""
    ranks: dict[str, tuple[int, int]] = {}
    for item in items:
        unit = unit_of(item.nodeid)
        ranks.setdefault(unit, (_rank(unit), len(ranks)))
    return sorted(items, key=lambda item: ranks[unit_of(item.nodeid)])


def _rank(unit: str) -> int:
    begins = (rank for rank, name in enumerate(LONGEST) if unit.startswith(name))
    return next(begins, len(LONGEST))
