"""A Kinesis emulator with real resharding, on a free port of loopback."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiobotocore.session import AioSession

from tests.fakes.installed import node_package
from tests.fakes.nats_server import free_port

HERE = Path(__file__).parent / "kinesis"
REGION = "eu-west-1"
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
_MAX_RECORDS = 500


class KinesisServer:
    """One emulator; its streams last as long as it runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start the process and return when it listens."""
        package = await asyncio.to_thread(node_package, HERE) / "node_modules/kinesis-local"
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "kinesis.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                "node",
                "--require",
                str(HERE / "loopback.js"),
                str(package / "main.js"),
                env={**os.environ, **self._environment(package)},
                stdout=log,
                stderr=log,
            )
        await self._listening()

    async def stop(self) -> None:
        """End the process and wait for it."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            async with asyncio.timeout(10):
                await self._process.wait()

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[Operator]:
        """A client for what tests do to streams."""
        async with _client(self.url) as client:
            yield Operator(client)

    def _environment(self, package: Path) -> dict[str, str]:
        quick = ("CREATE_STREAM", "DELETE_STREAM", "SPLIT_SHARD", "MERGE_SHARDS")
        return {
            "KINESIS_MOCK_PLAIN_PORT": str(self.port),
            "KINESIS_MOCK_TLS_PORT": str(free_port()),
            "KINESIS_MOCK_CERT_PATH": str(package / "server.json"),
            "LOG_LEVEL": "ERROR",
            **{f"{name}_DURATION": "20ms" for name in quick},
        }

    async def _listening(self) -> None:
        async with asyncio.timeout(20):
            while not await _accepts(self.port):
                assert self._process is not None
                if self._process.returncode is not None:
                    raise RuntimeError((self.folder / "kinesis.log").read_text())
                await asyncio.sleep(0.02)  # the server tells nobody when it listens


class Operator:
    """Creates, fills and reshards streams."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def create(self, stream: str, shards: int = 1) -> None:
        """Create a stream and wait until it can be used."""
        await self.client.create_stream(StreamName=stream, ShardCount=shards)
        await self.active(stream)

    async def active(self, stream: str) -> None:
        """Wait until nothing is being done to the stream."""
        deadline = time.monotonic() + 10
        while True:
            answer = await self.client.describe_stream_summary(StreamName=stream)
            if answer["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE":
                return
            assert time.monotonic() < deadline, f"{stream} does not become active"
            await asyncio.sleep(0.02)  # nobody tells

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


def _client(url: str) -> Any:
    session = AioSession()
    return session.create_client("kinesis", region_name=REGION, endpoint_url=url, **KEYS)


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
