"""`tidegate dlq` beside a real `tidegate up`: see letters, mend the function, try them again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.integration.up.manifests import function
from tests.integration.up.running import Up, running

STREAM = """\
apiVersion: kubeless.io/v1beta1
kind: NATSTrigger
metadata: {name: orders}
spec:
  topic: orders.new
  functionSelector: {matchLabels: {function: hello}}
  jetstream: {stream: ORDERS, createStream: true}
  delivery: {retry: 1, backoffDelay: 10ms, deadLetter: {file: dead.jsonl}}
---
"""
SECRET = "a card's number"


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[Up]:
    """Run a function that fails, and have it fail on two events."""
    async with failing_twice(tmp_path) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    """The same for all tests that leave it as it is."""
    async with failing_twice(tmp_path_factory.mktemp("up")) as one:
        yield one


@asynccontextmanager
async def failing_twice(folder: Path) -> AsyncIterator[Up]:
    (folder / "all.yaml").write_text(function("raise ValueError('out of order')") + STREAM)
    async with running(folder) as one:
        await one.says("creating consumer")
        await one.says("default/hello: takes calls")
        for number in (1, 2):
            await one.command("publish", "nats", "-j", "orders.new", f"{SECRET} {number}")
        await one.counts("orders", deadLettered=2, inFlight=0)
        yield one


async def letters(up: Up) -> list[dict[str, Any]]:
    """Return what the list says."""
    found: list[dict[str, Any]] = json.loads((await up.command("dlq", "list", "-o", "json")).out)
    return found


async def mend(up: Up) -> None:
    """Have the function take everything."""
    (up.folder / "all.yaml").write_text(function("return 'ok'") + STREAM)
    await up.says("the changed version takes the calls now")


@pytest.mark.asyncio(loop_scope="module")
async def test_the_list_says_what_failed_why_and_when(shared_up: Up) -> None:
    first, second = await letters(shared_up)
    assert (first["trigger"], first["function"], first["kind"]) == (
        "orders",
        "hello",
        "NATSTrigger",
    )
    assert (first["reason"], first["code"], first["attempts"]) == ("exhausted", 500, 2)
    assert first["firstFailed"] < first["lastFailed"] <= second["lastFailed"]
    assert first["position"].startswith("1/")
    table = (await shared_up.command("dlq", "ls")).out
    assert first["id"] in table
    assert "it answered 500" in table
    assert SECRET not in table


@pytest.mark.asyncio(loop_scope="module")
async def test_a_payload_is_shown_only_to_who_asks_for_it(shared_up: Up) -> None:
    id = (await letters(shared_up))[0]["id"]
    shown = await shared_up.command("dlq", "show", id)
    assert "id: ORDERS:1" in shown.out
    assert SECRET not in shown.out
    whole = json.loads((await shared_up.command("dlq", "show", id, "--payload", "-o", "json")).out)
    assert whole["data"] == f"{SECRET} 1"
    assert whole["event"]["subject"] == "orders.new"
    unknown = await shared_up.command("dlq", "show", "nothing")
    assert (unknown.code, "tidegate dlq list has them" in unknown.err) == (2, True)


async def test_a_redrive_delivers_and_removes(up: Up) -> None:
    failing = await up.command("dlq", "redrive", "--all")
    assert (failing.code, "0 delivered, 2 not" in failing.out) == (1, True)
    assert len(await letters(up)) == 2
    await mend(up)
    answer = await up.command("dlq", "redrive", "-t", "orders", "--rate", "100", "-o", "json")
    assert answer.code == 0, answer.err
    assert [result["error"] for result in json.loads(answer.out)] == ["", ""]
    assert await letters(up) == []
    assert (await up.counts("orders", deadLettered=2))["drift"] == 0


async def test_a_purge_asks_first(up: Up) -> None:
    first, _ = await letters(up)
    refused = await up.command("dlq", "purge", "--all")
    assert (refused.code, "add --yes" in refused.err) == (2, True)
    answer = await up.command("dlq", "purge", first["id"], "--yes")
    assert (answer.code, answer.out) == (0, "1 dead letter is gone\n")
    assert [letter["id"] for letter in await letters(up)] != [first["id"]]
    assert len(await letters(up)) == 1


@pytest.mark.parametrize("arguments", [(), ("--all", "-t", "orders"), ("--all", "some-id")])
@pytest.mark.asyncio(loop_scope="module")
async def test_a_selection_must_be_said(shared_up: Up, arguments: tuple[str, ...]) -> None:
    for verb in ("redrive", "purge"):
        assert (await shared_up.command("dlq", verb, *arguments)).code == 2
    assert len(await letters(shared_up)) == 2


@pytest.mark.asyncio(loop_scope="module")
async def test_the_routes_take_nothing_from_strangers(shared_up: Up) -> None:
    url = f"{shared_up.contact['admin']}/control/operations/dead-letters"
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as answer:
            assert answer.status == 401
        async with session.post(f"{url}/purge", data=b'{"all": true}') as answer:
            assert answer.status == 401
    assert len(await letters(shared_up)) == 2
