"""One stream as we read it: every call has a deadline and our own errors."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from gateway.sources.kinesis.aws import FAILURES, translated
from gateway.sources.kinesis.events import Shard


@dataclass(frozen=True, slots=True)
class Summary:
    """What a stream is. `epoch` tells it from another of the same name that came later."""

    arn: str
    epoch: int
    now: datetime
    """The time of its server, whole seconds: never later than that of the next record."""


class Stream:
    """Reads the stream `name` through `client`; each call takes at most `timeout` seconds."""

    def __init__(self, client: Any, name: str, timeout: float) -> None:
        self._client = client
        self._name = name
        self._timeout = timeout

    async def summary(self) -> Summary:
        """Describe the stream."""
        answer = await self._call("describe_stream_summary", {"StreamName": self._name})
        summary = answer["StreamDescriptionSummary"]
        epoch = int(summary["StreamCreationTimestamp"].timestamp())
        return Summary(summary["StreamARN"], epoch, _server_time(answer))

    async def shards(self) -> list[Shard]:
        """List all shards, closed ones too, parents before their children.

        Paged by hand: AWS takes the token or the name, and botocore's paginator sends both.
        """
        found: list[Shard] = []
        request = {"StreamName": self._name}
        while request:
            page = await self._call("list_shards", request)
            found += [_shard(one) for one in page["Shards"]]
            token = page.get("NextToken")
            request = {"NextToken": token} if token else {}
        return sorted(found, key=lambda one: one.id)

    async def iterator(self, shard: str, request: Mapping[str, Any]) -> str:
        """Return an iterator that starts where `request` says."""
        whole = {"StreamName": self._name, "ShardId": shard, **request}
        answer = await self._call("get_shard_iterator", whole)
        text: str = answer["ShardIterator"]
        return text

    async def records(self, iterator: str, limit: int) -> Mapping[str, Any]:
        """Read at most `limit` records."""
        request = {"ShardIterator": iterator, "Limit": limit}
        answer: Mapping[str, Any] = await self._call("get_records", request)
        return answer

    async def _call(self, operation: str, request: Mapping[str, Any]) -> Any:
        try:
            async with asyncio.timeout(self._timeout):
                return await getattr(self._client, operation)(**request)
        except FAILURES as error:
            raise translated(error, f"{_DOING[operation]} stream {self._name}") from error


_DOING = {
    "describe_stream_summary": "describing",
    "list_shards": "listing the shards of",
    "get_shard_iterator": "finding the place in",
    "get_records": "reading",
}


def _shard(listed: Mapping[str, Any]) -> Shard:
    parents = (listed.get("ParentShardId"), listed.get("AdjacentParentShardId"))
    hash_keys = listed["HashKeyRange"]
    return Shard(
        listed["ShardId"],
        tuple(parent for parent in parents if parent),
        int(hash_keys["StartingHashKey"]),
        int(hash_keys["EndingHashKey"]),
    )


def _server_time(answer: Mapping[str, Any]) -> datetime:
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return parsedate_to_datetime(date) if date else datetime.now(UTC).replace(microsecond=0)
