"""Writes to Kinesis, and makes streams. The only place of the command that calls AWS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from gateway.errors import ConfigError, GatewayError
from gateway.sources.kinesis.aws import (
    FAILURES,
    Account,
    keys_from_secret,
    open_client,
    open_session,
    translated,
)
from tidegate.cli.errors import CommandError, ExitCode

MOST_RECORDS = 500
"""Of one request, as AWS has it."""

_REFUSED = {
    "AccessDeniedException": "AWS does not let this caller; allow {right} on the stream",
    "ResourceInUseException": "it is there already",
    "LimitExceededException": "the account may not have so many shards; ask for fewer",
}


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a record is."""

    shard: str
    sequence: str


def account(region: str, endpoint: str, secret: tuple[str, Mapping[str, bytes]] | None) -> Account:
    """Return whose streams are meant: of a Secret by its name and content, or of this machine."""
    try:
        keys = None if secret is None else keys_from_secret(*secret)
    except ConfigError as error:
        raise CommandError(str(error)) from error
    return Account(region, endpoint, keys)


async def publish(
    account: Account, stream: str, partition_key: str, records: Sequence[bytes]
) -> list[Stored]:
    """Write `records` in order. Raises `CommandError` when one was not taken."""
    doing = f"publishing to stream {stream}"
    stored: list[Stored] = []
    async with _client(account, doing, "PutRecords") as client:
        for start in range(0, len(records), MOST_RECORDS):
            some = records[start : start + MOST_RECORDS]
            entries = [{"Data": data, "PartitionKey": partition_key} for data in some]
            answer = await client.put_records(StreamName=stream, Records=entries)
            stored += _stored(answer["Records"], f"{doing}: record {start + 1}")
    return stored


async def create_stream(account: Account, stream: str, shards: int) -> None:
    """Have AWS make a stream, which takes it some seconds."""
    async with _client(account, f"creating stream {stream}", "CreateStream") as client:
        await client.create_stream(StreamName=stream, ShardCount=shards)


def _stored(results: Sequence[Mapping[str, Any]], doing: str) -> list[Stored]:
    for number, one in enumerate(results):
        if one.get("ErrorCode"):
            raise CommandError(
                f"{doing} and {number} after it: {one['ErrorCode']}; those before it are stored, "
                "publish it and the rest again"
            )
    return [Stored(one["ShardId"], one["SequenceNumber"]) for one in results]


@asynccontextmanager
async def _client(account: Account, doing: str, right: str) -> AsyncIterator[Any]:
    try:
        async with AsyncExitStack() as stack:
            session = await open_session(account)
            yield await open_client(session, "kinesis", account, stack)
    except FAILURES as error:
        raise _refused(error, doing, right) from error
    except GatewayError as error:
        raise _ended(error) from error


def _refused(error: Exception, doing: str, right: str) -> CommandError:
    answer = getattr(error, "response", None) or {}
    sentence = _REFUSED.get(answer.get("Error", {}).get("Code", ""))
    if sentence is not None:
        return CommandError(f"{doing}: {sentence.format(right=right)}")
    return _ended(translated(error, doing))


def _ended(error: GatewayError) -> CommandError:
    wrong = isinstance(error, ConfigError)
    return CommandError(str(error), ExitCode.FAILURE if wrong else ExitCode.UNREACHABLE)
