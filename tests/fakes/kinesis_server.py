"""A Kinesis emulator with real resharding, on a free port of loopback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from aiobotocore.session import AioSession

from tests.fakes.aws_emulator import Emulator, Program
from tests.fakes.installed import node_package
from tests.fakes.ports import free_port

HERE = Path(__file__).parent / "kinesis"
REGION = "eu-west-1"
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
_MAX_RECORDS = 500


class KinesisServer(Emulator):
    """One emulator; its streams last as long as it runs."""

    name = "kinesis"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._session = AioSession()  # reads for long what services are, and keeps it

    def program(self) -> Program:
        package = node_package(HERE) / "node_modules/kinesis-local"
        loopback = str(HERE / "loopback.js")
        command = ["node", "--require", loopback, str(package / "main.js")]
        return Program(command, self._environment(package))

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[Operator]:
        """A client for what tests do to streams."""
        client = self._session.create_client(
            "kinesis", region_name=REGION, endpoint_url=self.url, **KEYS
        )
        async with client as opened:
            yield Operator(opened)

    def _environment(self, package: Path) -> dict[str, str]:
        quick = ("CREATE_STREAM", "DELETE_STREAM", "SPLIT_SHARD", "MERGE_SHARDS")
        return {
            "KINESIS_MOCK_PLAIN_PORT": str(self.port),
            "KINESIS_MOCK_TLS_PORT": str(free_port()),
            "KINESIS_MOCK_CERT_PATH": str(package / "server.json"),
            "LOG_LEVEL": "ERROR",
            "SHARD_LIMIT": "500",
            **{f"{name}_DURATION": "20ms" for name in quick},
        }


class Operator:
    """Creates, fills and reshards streams."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def create(self, stream: str, shards: int = 1) -> None:
        """Create a stream and wait until it can be used."""
        await self.client.create_stream(StreamName=stream, ShardCount=shards)
        await self.active(stream)

    async def delete_all(self) -> None:
        """Delete every stream and wait until they are gone."""
        deadline = time.monotonic() + 20
        while names := (await self.client.list_streams())["StreamNames"]:
            for name in names:
                with suppress(self.client.exceptions.ResourceNotFoundException):
                    if await self._status(name) == "ACTIVE":
                        await self.client.delete_stream(StreamName=name)
            assert time.monotonic() < deadline, f"{names} do not go"
            await asyncio.sleep(0.02)  # nobody tells

    async def active(self, stream: str) -> None:
        """Wait until nothing is being done to the stream."""
        deadline = time.monotonic() + 20
        while await self._status(stream) != "ACTIVE":
            assert time.monotonic() < deadline, f"{stream} does not become active"
            await asyncio.sleep(0.02)  # nobody tells

    async def _status(self, stream: str) -> str:
        answer = await self.client.describe_stream_summary(StreamName=stream)
        status: str = answer["StreamDescriptionSummary"]["StreamStatus"]
        return status

    async def put(self, stream: str, records: Iterable[tuple[str, bytes]]) -> None:
        """Append records of (partition key, data), in order per key."""
        entries = [{"PartitionKey": key, "Data": data} for key, data in records]
        for start in range(0, len(entries), _MAX_RECORDS):
            part = entries[start : start + _MAX_RECORDS]
            answer = await self.client.put_records(StreamName=stream, Records=part)
            assert not answer["FailedRecordCount"]

    async def open_shards(self, stream: str) -> list[Any]:
        """Return the shards that take records, in the order of their hash ranges."""
        answer = await self.client.list_shards(StreamName=stream)
        shards = [
            one
            for one in answer["Shards"]
            if "EndingSequenceNumber" not in one["SequenceNumberRange"]
        ]
        return sorted(shards, key=lambda one: int(one["HashKeyRange"]["StartingHashKey"]))

    async def split(self, stream: str, index: int = 0) -> None:
        """Split an open shard in the middle and wait until that is done."""
        shard = (await self.open_shards(stream))[index]
        first, last = (
            int(shard["HashKeyRange"][name]) for name in ("StartingHashKey", "EndingHashKey")
        )
        await self.client.split_shard(
            StreamName=stream,
            ShardToSplit=shard["ShardId"],
            NewStartingHashKey=str((first + last) // 2 + 1),
        )
        await self.active(stream)

    async def merge(self, stream: str, indexes: Sequence[int] = (0, 1)) -> None:
        """Merge two neighbours and wait until that is done."""
        shards = await self.open_shards(stream)
        one, other = (shards[index]["ShardId"] for index in indexes)
        await self.client.merge_shards(
            StreamName=stream, ShardToMerge=one, AdjacentShardToMerge=other
        )
        await self.active(stream)
