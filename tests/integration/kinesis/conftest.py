"""Streams on an emulator, for every test here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.aws_emulator import Emulators
from tests.fakes.aws_proxy import AwsProxy
from tests.fakes.dynamodb_server import DynamoDbServer
from tests.fakes.kinesis_server import KinesisServer, Operator
from tests.support.dynamodb import tables_of
from tests.support.kinesis import StreamOfTests, streams_of
from tests.support.load import Load


@pytest.fixture(scope="session")
def server(emulators: Emulators) -> KinesisServer:
    """An emulator of Kinesis; each test makes its streams and deletes them."""
    return streams_of(emulators, KinesisServer)


@pytest.fixture(scope="session")
def tables(emulators: Emulators) -> DynamoDbServer:
    """An emulator of DynamoDB; each test has a table of its own."""
    return tables_of(emulators)


@pytest.fixture
async def operator(server: KinesisServer) -> AsyncIterator[Operator]:
    """What can be done to streams; deletes them after the test."""
    async with server.operator() as one:
        yield one
        await one.delete_all()


@pytest.fixture
async def stream(
    server: KinesisServer, operator: Operator, tmp_path: Path
) -> AsyncIterator[StreamOfTests]:
    """A stream of one shard."""
    await operator.create("orders")
    yield StreamOfTests(server, tmp_path / "leases.sqlite")


@pytest.fixture
async def proxy(stream: StreamOfTests) -> AsyncIterator[AwsProxy]:
    """What stands before the emulator, and fails when it is told to."""
    one = AwsProxy(stream.server.url)
    async with one.running():
        yield one


@pytest.fixture
def proxied(stream: StreamOfTests, proxy: AwsProxy) -> StreamOfTests:
    """The stream, as it is seen through the proxy."""
    return replace(stream, endpoint=proxy.url)


@pytest.fixture
def load(stream: StreamOfTests, operator: Operator) -> Load:
    """Records for the stream, which may be checked."""
    return Load(operator, stream.name)
