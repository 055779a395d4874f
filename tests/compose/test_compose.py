"""`docker compose up` does what README and the examples say."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiobotocore.session import AioSession

from tests.compose.stack import Stack, address, asked, eventually, fetched
from tests.fakes.kinesis_server import KEYS, REGION, Operator
from tests.unit.compose.files import ROOT, SERVICES

pytestmark = pytest.mark.timeout(900)


def lines_of_the_readme() -> list[str]:
    """What README has the reader type in the second terminal."""
    text = (ROOT / "README.md").read_text()
    section = text.partition("## With Docker Compose")[2].partition("\n## ")[0]
    blocks: list[str] = re.findall(r"^```sh\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    return blocks[1].replace("\\\n", " ").splitlines()


def produce(stack: Stack, record: str) -> None:
    """Write a record as README does."""
    line = next(line for line in lines_of_the_readme() if line.startswith("echo "))
    stack.shell(line.replace("ada:two teapots", record))


async def put(key: str, record: bytes) -> None:
    """Append a record to the stream of the example."""
    url = f"http://{address('kinesis')}"
    session = AioSession()
    async with session.create_client(
        "kinesis", region_name=REGION, endpoint_url=url, **KEYS
    ) as client:
        await Operator(client).put("orders", [(key, record)])


def test_everything_is_healthy(stack: Stack) -> None:
    states = stack.states()
    assert set(states) == set(SERVICES)
    assert states.pop("kafka-topics") == "exited 0"
    assert set(states.values()) == {"healthy"}


def test_what_the_readme_has_one_type_works(stack: Stack) -> None:
    produced, logs, listed = [stack.shell(line) for line in lines_of_the_readme()]
    assert not produced
    assert "takes calls" in logs
    for name in ("orders", "order-stream", "new-orders", "tick"):
        assert re.search(rf"^{name} .* Running ", listed, re.MULTILINE), listed
    stack.says("billing two teapots to ada")


def test_a_record_of_a_stream_reaches_its_function(stack: Stack) -> None:
    asyncio.run(put("teapots", b"two"))
    stack.says("taking two off the stock of teapots")


def test_a_call_reaches_a_function_by_http_and_another_by_nats(stack: Stack) -> None:
    assert fetched(f"http://{address('gateway')}/orders", b"six teapots").startswith("order ")
    stack.says("packing six teapots")


def test_prometheus_watches_the_gateway_whose_books_balance(stack: Stack) -> None:
    eventually(lambda: asked("up{job=%22tidegate%22}==1"), "Prometheus does not reach the gateway")
    eventually(lambda: asked("tidegate_accounting_drift"), "Prometheus knows no trigger")
    assert asked("tidegate_accounting_drift!=0") == []


def test_what_comes_after_kafka_was_killed_is_delivered(stack: Stack) -> None:
    stack.compose("kill", "kafka")
    stack.says("no broker has answered for")
    stack.up("kafka")
    produce(stack, "eve:ten teapots")
    stack.says("billing ten teapots to eve")


def test_a_stop_lets_a_call_end(stack: Stack) -> None:
    with ThreadPoolExecutor(1) as callers:
        call = callers.submit(fetched, f"http://{address('gateway')}/slow", b"")
        stack.says("a slow call begins")
        stack.compose("stop", "gateway")
        assert call.result(timeout=60) == "answered"
    assert stack.states()["gateway"] == "exited 0"
    assert "drift 0" in stack.log().splitlines()[-1]
