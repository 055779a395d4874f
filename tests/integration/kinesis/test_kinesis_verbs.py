"""The verbs of Kinesis triggers that call AWS, with the keys of a Secret of the place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.kinesis_server import KEYS, REGION, KinesisServer, Operator
from tests.fakes.ports import free_port
from tests.integration.up.running import Answer, Up, running

SECRETS = "".join(
    f"---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\nstringData: {keys}\n"
    for name, keys in (("aws", KEYS), ("empty", {"other": "x"}))
)


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[Up]:
    """A `tidegate up` that has the Secret `aws`, and one without keys."""
    (tmp_path / "secrets.yaml").write_text(SECRETS)
    async with running(tmp_path) as one:
        yield one


async def kinesis(up: Up, endpoint: str, *arguments: str) -> Answer:
    """Run a verb with the keys of the Secret."""
    common = ("--aws-region", REGION, "--endpoint", endpoint)
    return await up.command("trigger", "kinesis", *arguments, *common)


@pytest.mark.timeout(180)
async def test_a_stream_is_made_and_written_to(
    server: KinesisServer, operator: Operator, up: Up
) -> None:
    made = await kinesis(
        up, server.url, "create-stream", "--stream-name", "orders", "--shard-count", "2",
        "--secret", "aws",
    )  # fmt: skip
    assert (made.code, made.out) == (0, ""), made
    await operator.active("orders")
    assert len(await operator.open_shards("orders")) == 2
    again = await kinesis(
        up, server.url, "create-stream", "--stream-name", "orders", "--secret", "aws"
    )
    assert (again.code, again.err) == (
        1,
        "tidegate: creating stream orders: it is there already\n",
    )
    stored = await kinesis(
        up, server.url, "publish", "--stream", "orders", "--partition-key", "k", "--secret", "aws",
        "--records", "one", "--records", "two",
    )  # fmt: skip
    assert stored.code == 0, stored
    shards = {line.split()[2] for line in stored.out.splitlines()}
    assert len(stored.out.splitlines()) == 2 and len(shards) == 1
    iterator = await operator.client.get_shard_iterator(
        StreamName="orders", ShardId=shards.pop(), ShardIteratorType="TRIM_HORIZON"
    )
    read = await operator.client.get_records(ShardIterator=iterator["ShardIterator"])
    assert [one["Data"] for one in read["Records"]] == [b"one", b"two"]


@pytest.mark.timeout(180)
async def test_what_is_wrong_is_a_sentence(server: KinesisServer, up: Up) -> None:
    wanted = ("publish", "--stream", "none", "--partition-key", "k", "--records", "one")
    missing = await kinesis(up, server.url, *wanted, "--secret", "awz")
    assert (missing.code, missing.err) == (
        2,
        "tidegate: there is no Secret 'awz'; did you mean aws?\n",
    )
    empty = await kinesis(up, server.url, *wanted, "--secret", "empty")
    assert empty.code == 1 and "secret default/empty: 'aws_access_key_id' is missing" in empty.err
    unknown = await kinesis(up, server.url, *wanted, "--secret", "aws")
    assert unknown.code == 1 and "there is no such stream" in unknown.err
    nobody = f"http://127.0.0.1:{free_port()}"
    away = await kinesis(up, nobody, *wanted, "--secret", "aws")
    assert away.code == 3 and away.err.startswith("tidegate: publishing to stream none: ")
    for answer in (missing, empty, unknown, away):
        assert answer.err.count("\n") == 1, answer
