"""Streams on an emulator, for every test here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.kinesis_server import Operator
from tests.support.kinesis import StreamOfTests, stream_of_tests


@pytest.fixture
async def stream(tmp_path: Path) -> AsyncIterator[StreamOfTests]:
    """A stream of one shard."""
    async with stream_of_tests(tmp_path) as one:
        yield one


@pytest.fixture
async def operator(stream: StreamOfTests) -> AsyncIterator[Operator]:
    """What can be done to the stream."""
    async with stream.server.operator() as one:
        yield one
