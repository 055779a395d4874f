"""Every example does what its text says."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import aiohttp
import pytest
import yaml
from aiokafka import AIOKafkaProducer

from tests.fakes.kafka_broker import TansuBroker
from tests.integration.up.running import Up, running

EXAMPLES = Path(__file__).parents[3] / "examples"


async def posted(url: str, data: bytes, content_type: str = "text/plain") -> str:
    """Post as curl would, and return what came back."""
    headers = {"Content-Type": content_type}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=data, headers=headers) as answer,
    ):
        assert answer.status == 200, await answer.text()
        return await answer.text()


@pytest.fixture
def shared_environments(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Keep installed dependencies from one test run to the next."""
    cache = request.config.cache
    assert cache is not None
    (tmp_path / ".tidegate").mkdir(mode=0o700)
    (tmp_path / ".tidegate" / "environments").symlink_to(cache.mkdir("environments"))


async def test_hello_greets_whom_it_is_told_to(tmp_path: Path) -> None:
    async with running(tmp_path, paths=(EXAMPLES / "hello",)) as up:
        await up.says("default/hello: takes calls")
        answer = await posted(f"{up.url}/hello", b'{"name": "Ada"}', "application/json")
        assert answer == "Hello, Ada!"
        assert "greeting Ada" in (await up.command("function", "logs", "hello")).out


@pytest.mark.usefixtures("shared_environments")
@pytest.mark.timeout(180)
async def test_pipeline_packs_what_was_ordered(tmp_path: Path) -> None:
    async with running(tmp_path, paths=(EXAMPLES / "pipeline",)) as up:
        await installed(up)
        assert await posted(f"{up.url}/orders", b"two teapots") == "order 1 is taken\n"
        await up.says("pack | packing two teapots")
        assert "packing two teapots" in (await up.command("function", "logs", "pack")).out


async def installed(up: Up) -> None:
    """Wait for the first function; leave the test out when nothing can be installed here."""
    known = ("default/order: takes calls", "installing spec.deps failed")
    await up.until(lambda: any(words in up.log for words in known), timeout=120)
    await up.until(lambda: "default/pack: takes calls" in up.log)
    if known[1] in up.log:
        pytest.skip("nats-py cannot be installed: the package index is not reachable")


async def test_cron_ticks_every_two_seconds(tmp_path: Path) -> None:
    async with running(tmp_path, paths=(EXAMPLES / "cron",)) as up:
        await up.until(lambda: len(ticks(up)) >= 3)
        assert len(set(ticks(up))) == len(ticks(up))
        assert (await up.trigger("tick"))["drift"] == 0


def ticks(up: Up) -> list[str]:
    """Return the times that the function printed."""
    return re.findall(r"tick \| tick at (\S+)", up.log)


@pytest.mark.timeout(90)
async def test_kafka_bills_what_was_ordered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with TansuBroker(tmp_path / "broker") as broker:
        await broker.create_topic("orders")
        async with AIOKafkaProducer(bootstrap_servers=broker.address) as producer:
            await producer.send_and_wait("orders", b"two teapots", key=b"ada")
        monkeypatch.setenv("KAFKA_BROKERS", broker.address)
        async with running(tmp_path, paths=(EXAMPLES / "kafka",)) as up:
            # This broker answers the first to join after half of the session timeout.
            await up.says("bill | billing two teapots to ada", timeout=50)
            assert (await up.trigger("orders"))["drift"] == 0


def test_every_example_is_right_and_in_the_list() -> None:
    listed = (EXAMPLES / "README.md").read_text()
    for folder in sorted(path for path in EXAMPLES.iterdir() if path.is_dir()):
        assert f"tidegate up examples/{folder.name}" in listed
        for file in folder.glob("*.yaml"):
            assert list(yaml.safe_load_all(file.read_text()))


async def test_all_examples_run_side_by_side_from_one_command(tmp_path: Path) -> None:
    async with running(tmp_path, paths=(EXAMPLES / "hello", EXAMPLES / "cron")) as up:
        await up.says("TRIGGER")
        async with asyncio.timeout(20):
            await up.until(lambda: ticks(up))
        answer = await up.command("function", "call", "hello", "-d", '{"name": "Bob"}')
        assert answer.out == "Hello, Bob!\n"
