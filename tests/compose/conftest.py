"""Everything of docker-compose.yml, started once for all tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.compose.stack import Stack


@pytest.fixture(scope="session")
def containers() -> Iterator[Stack]:
    """The stack; its volumes go with it."""
    if not os.environ.get("TIDEGATE_COMPOSE"):
        pytest.skip("Docker Compose: make compose runs it")
    made = Stack()
    made.compose("down", "--volumes", "--remove-orphans")
    try:
        made.build()
        yield made
    finally:
        made.compose("down", "--volumes", "--timeout", "30")


@pytest.fixture
def stack(containers: Stack) -> Stack:
    """The stack, with all of it running and healthy."""
    containers.up()
    return containers
