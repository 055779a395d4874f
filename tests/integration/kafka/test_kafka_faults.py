"""Processes that are killed, that come and go, and brokers that do: nothing is lost."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from gateway.core.delivery import Outcome
from gateway.settings import KafkaSettings
from tests.integration.kafka.bench import PATIENCE, Bench
from tests.support.kafka import apache_kafka
from tests.support.waiting import until

ROOT = Path(__file__).parents[3]
EVENTS = 3000
KEYS = 50
LONG = 200.0
"""Seconds that work which is known to go on may take; pytest's own limit ends a hang sooner."""

FAST = KafkaSettings(session_timeout=2.0, commit_interval=0.05, revoke_timeout=5.0)


@dataclass
class Workers:
    """Gateway processes that write down what they took."""

    bench: Bench
    file: Path
    delay: float = 0.004

    async def start(self) -> asyncio.subprocess.Process:
        """Start one more."""
        settings = {
            "broker": self.bench.broker.address,
            "topic": self.bench.topic,
            "group": self.bench.group,
            "file": str(self.file),
            "delay": self.delay,
            "kafka": asdict(self.bench.settings),
        }
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.integration.kafka.worker", json.dumps(settings), cwd=ROOT
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run one for the length of the block, then drain it if it is still there."""
        process = await self.start()
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            async with asyncio.timeout(PATIENCE):
                await process.wait()

    def lines(self) -> list[list[str]]:
        """Return what was written, split: process, id, key, number."""
        return [line.split() for line in self.file.read_text().splitlines()]

    def taken(self) -> int:
        """Return how many different events were taken."""
        return len({line[1] for line in self.lines()})

    async def until_taken(self, count: int) -> None:
        await until(lambda: self.taken() >= count, timeout=LONG)

    async def until_sharing(self, count: int) -> None:
        """Wait until `count` processes have taken something."""
        await until(lambda: len({line[0] for line in self.lines()}) >= count, timeout=LONG)

    def repeated(self) -> int:
        """Return how many calls were repeats."""
        return len(self.lines()) - self.taken()

    def check_order(self) -> None:
        """Fail where an event was first taken before an older one of its key."""
        seen: set[str] = set()
        last: dict[str, int] = defaultdict(lambda: -1)
        for _, id, key, number in self.lines():
            if id not in seen:
                seen.add(id)
                assert int(number) > last[key], f"{id}: {number} of {key} after {last[key]}"
                last[key] = int(number)


@pytest.fixture
async def workers(bench: Bench, tmp_path: Path) -> Workers:
    bench.settings = FAST
    await bench.create(partitions=4)
    file = tmp_path / "taken"
    file.touch()
    return Workers(bench, file)


async def publish_keyed(bench: Bench, count: int = EVENTS, padding: bytes = b"") -> None:
    """Publish numbered events whose keys spread over the partitions."""
    async with AIOKafkaProducer(bootstrap_servers=bench.broker.address) as producer:
        for number in range(count):
            key = b"key%d" % (number % KEYS)
            await producer.send(bench.topic, b"%d" % number + padding, key=key)
        await producer.flush()


async def test_a_process_that_is_killed_repeats_no_more_than_was_in_flight(
    workers: Workers,
) -> None:
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    await publish_keyed(workers.bench)
    for _ in range(3):
        async with workers.running() as process:
            await workers.until_taken(workers.taken() + chance.randrange(50, 600))
            process.kill()
    async with workers.running():
        await workers.until_taken(EVENTS)
    workers.check_order()
    # Sixteen are in flight, and what ended since the last commit is not known to have.
    per_second = 16 / workers.delay
    allowed = 3 * (16 + per_second * (FAST.commit_interval + 0.1))
    assert workers.repeated() <= allowed, f"seed {seed}"
    numbers = Counter(line[3] for line in workers.lines())
    assert numbers.keys() == {str(number) for number in range(EVENTS)}, f"seed {seed}"


@pytest.mark.timeout(2 * LONG)
@pytest.mark.slow  # enough to do that the third replica, joining slowly, finds some left
async def test_replicas_that_come_and_go_repeat_and_lose_nothing(workers: Workers) -> None:
    workers.delay, count = 0.02, 40_000
    await publish_keyed(workers.bench, count)
    async with workers.running():
        await workers.until_taken(200)
        async with workers.running():
            await workers.until_sharing(2)
            async with workers.running():
                await workers.until_sharing(3)
        await workers.until_taken(count)
    workers.check_order()
    assert workers.repeated() == 0
    stored = await workers.bench.stored()
    assert sum(offset for offset, _ in stored.values()) == count


@pytest.mark.regression("aiokafka: holds up to 50 MB of each broker")
async def test_a_slow_function_with_a_backlog_keeps_the_memory_flat(workers: Workers) -> None:
    workers.delay = 0.5
    await publish_keyed(workers.bench, 80_000, padding=b" " * 1000)
    async with workers.running() as process:
        await workers.until_taken(16)
        early = resident(process.pid)
        await workers.until_taken(96)
        late = resident(process.pid)
        process.kill()
    assert late < 128 << 20
    assert late - early < 8 << 20


def resident(pid: int) -> int:
    """Return the bytes of memory that a process has."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(each for each in status.splitlines() if each.startswith("VmRSS:"))
    return int(line.split()[1]) << 10


@pytest.mark.regression("aiokafka: a consumer is stuck after its broker was started anew")
async def test_a_broker_that_is_killed_and_returns_loses_nothing(tmp_path: Path) -> None:
    async with apache_kafka(tmp_path / "kafka") as kafka:
        bench = Bench(kafka, FAST)
        await bench.create()
        await bench.publish(500)
        async with bench.reading(credit=50) as reader:
            await reader.until(50)
            kafka.kill()
            await kafka.ended()
            reader.intake.settle()
            await kafka.start()
            await bench.publish(100, first=500)

            def settle_all() -> bool:
                reader.intake.settle()
                return len(set(reader.values())) == 600

            await until(settle_all, timeout=40)
            await bench.until_stored(lambda stored: stored.get(0) == (600, ""))


@pytest.mark.regression(
    "aiokafka: a poll waits for the whole rebalance, and a listener that waits for it never ends"
)
async def test_a_revoke_waits_for_what_is_in_flight(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """Guards: `rebalance_timeout` above the drain, and the commit inside the listener."""
    await bench.create(partitions=2)
    await bench.publish(10, partition=0)
    await bench.publish(10, partition=1)
    async with bench.reading() as first:
        await first.until(20)
        first.intake.busy = True
        async with bench.reading() as second:
            await until(lambda: "it is rebalancing" in caplog.text, timeout=PATIENCE)
            await asyncio.sleep(0.3)  # room to go wrong: the other must get nothing yet
            assert not second.intake.deliveries
            first.intake.settle()
            await until(lambda: second.intake.behind is not None, timeout=PATIENCE)
            await bench.publish(4, first=10, partition=0)
            await bench.publish(4, first=10, partition=1)
            await first.until(24)
            await second.until(4)
            assert sorted(second.offsets()) == [10, 11, 12, 13]
            first.intake.settle()
            second.intake.settle()


async def test_a_revoke_waits_for_nothing_that_has_not_begun(bench: Bench) -> None:
    """Guards: a backlog in the gateway, or a parked event, holds up the whole group."""
    bench.settings = replace(bench.settings, revoke_timeout=2 * PATIENCE)
    await bench.create(partitions=2)
    await bench.publish(10, partition=0)
    await bench.publish(10, partition=1)
    async with bench.reading() as first:
        for one in await first.until(20):
            one.attempts = 2
        async with bench.reading() as second:
            theirs = await second.until(10)
            ours = (await first.until(30))[20:]
            assert {one.event.id for one in (*theirs, *ours)} == {
                one.event.id for one in first.intake.deliveries[:20]
            }
            assert {one.attempts for one in (*theirs, *ours)} == {2}
            first.intake.settle()
            second.intake.settle()
            await bench.until_stored(lambda stored: {*stored.values()} == {(10, "")})


@pytest.mark.regression("aiokafka: commits partitions that another has meanwhile")
async def test_late_ends_of_a_lost_partition_commit_nothing(bench: Bench) -> None:
    bench.settings = replace(bench.settings, revoke_timeout=0.3)
    await bench.create(partitions=2)
    await bench.publish(10, partition=0)
    await bench.publish(10, partition=1)
    async with bench.reading() as first:
        await first.until(20)
        first.intake.busy = True
        async with bench.reading() as second:
            await second.until(10)
            lost = second.intake.deliveries[0].partition
            assert isinstance(lost, tuple)
            for one in first.intake.unsettled:
                if one.partition == lost:
                    one.settle(Outcome.DELIVERED)
            second.intake.settle(count=3)
            await bench.until_stored(lambda stored: stored.get(lost[1]) == (3, ""))
            assert all(one.partition != lost for one in first.intake.deliveries[20:])
            first.intake.settle()
            second.intake.settle()
