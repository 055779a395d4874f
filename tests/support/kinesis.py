"""A Kinesis stream, and sources that read it as replicas with leases of their own store."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from gateway.context import Context
from gateway.core.delivery import Delivery, Outcome
from gateway.core.lease import Change, Lease, LeaseStore
from gateway.core.shared import Shared
from gateway.errors import SourceUnavailable
from gateway.http.endpoints import Endpoints
from gateway.http.routes import RouteTable
from gateway.settings import Settings
from gateway.sources.kinesis import KinesisSource
from gateway.sources.kinesis.reader import Pace
from gateway.sources.kinesis.source import Timing
from gateway.stores.memory import MemoryLedger
from gateway.stores.sqlite_leases import SqliteLeases
from tests.conformance.harness import Reading
from tests.fakes.aws_emulator import Emulators
from tests.fakes.installed import NotToBeHad
from tests.fakes.kinesis_server import KEYS, REGION, KinesisServer
from tests.support.gateways import DictSecrets
from tests.support.intake import RecordingIntake
from tidegate.api.subscription import KinesisStream, SecretRef, Subscription

logger = logging.getLogger(__name__)

SECRETS = DictSecrets({("default", "aws"): {name: value.encode() for name, value in KEYS.items()}})
FAST = Timing(
    period=8,
    renew=0.3,
    note=0.1,
    discover=0.5,
    call=5,
    settle=2,
    pace=Pace(busy=0.01, idle=0.05, backoff=0.02, backoff_max=0.2, patience=3),
)
"""Everything happens soon, and no lease runs out because the machine is busy."""

FAILOVER = replace(FAST, period=4)
"""For tests that wait until a lease has run out."""


class CutOff:
    """A lease store that can be taken away, as from a process that was killed."""

    def __init__(self, store: LeaseStore) -> None:
        self._store = store
        self.cut = False
        self.writes = 0

    async def leases(self, group: str, keys: Collection[str]) -> list[Lease]:
        self._check()
        return await self._store.leases(group, keys)

    async def create(self, group: str, leases: Sequence[Lease]) -> None:
        self._check()
        await self._store.create(group, leases)

    async def replace(self, group: str, changes: Sequence[Change]) -> Sequence[bool | None]:
        self._check()
        written = await self._store.replace(group, changes)
        self.writes += 1
        return written

    async def delete(self, group: str, lease: Lease) -> bool:
        self._check()
        return await self._store.delete(group, lease)

    async def close(self) -> None:
        await self._store.close()

    def _check(self) -> None:
        if self.cut:
            raise SourceUnavailable("the lease store is cut off")


@dataclass(frozen=True, slots=True)
class StreamOfTests:
    """One stream on an emulator, and the file in which its readers share leases."""

    server: KinesisServer
    file: Path
    name: str = "orders"
    endpoint: str = ""

    def spec(self, **fields: str) -> KinesisStream:
        """Return how a trigger names the stream."""
        values = {"start": "TRIM_HORIZON", "endpoint": self.endpoint or self.server.url, **fields}
        return KinesisStream(
            self.name,
            REGION,
            secret=SecretRef("aws"),
            **values,  # type: ignore[arg-type]  # a test's own fields
        )

    def source(
        self, store: LeaseStore | None = None, timing: Timing = FAST, **fields: str
    ) -> KinesisSource:
        """Make a replica. Each has a connection to the leases of its own."""
        one = Subscription("default", "KinesisTrigger", "contract", "fn", self.spec(**fields))
        leases = store or SqliteLeases(self.file)
        return KinesisSource(one, context(), timing=timing, leases=leases)


def context(settings: Settings | None = None) -> Context:
    """Return surroundings as a process of its own has them."""
    return Context(
        settings or Settings(), SECRETS, MemoryLedger(), Shared(), RouteTable(), Endpoints()
    )


async def started(server: KinesisServer) -> None:
    """Start an emulator of the test's own, or leave the test out with the reason."""
    try:
        await server.start()
    except NotToBeHad as error:
        pytest.skip(f"Kinesis emulator: {error}")


def streams_of(emulators: Emulators, kind: type[KinesisServer]) -> KinesisServer:
    """Return the emulator that tests share, or leave the test out with the reason."""
    try:
        return emulators.running(kind)
    except NotToBeHad as error:
        pytest.skip(f"Kinesis emulator: {error}")


class SettlingIntake(RecordingIntake):
    """Settles what it is given, each a little later and not in order, and keeps the ids."""

    def __init__(self, credit: int = 1000) -> None:
        super().__init__(credit)
        self.settling = True

    def push(self, deliveries: Sequence[Delivery]) -> None:
        """See `Intake.push`."""
        super().push(deliveries)
        loop = asyncio.get_running_loop()
        for delivery in deliveries if self.settling else ():
            loop.call_later(random.uniform(0, 0.02), self._end, delivery)

    def _end(self, delivery: Delivery) -> None:
        if delivery.outcome is None:
            delivery.settle(Outcome.DELIVERED)
        self._signal.set()


@asynccontextmanager
async def reading(
    source: KinesisSource, intake: RecordingIntake | None = None, *, fails: bool = False
) -> AsyncIterator[Reading]:
    """Read for the length of the block, then stop and close; `fails` lets the reading fail."""
    intake = intake or SettlingIntake()
    task = asyncio.create_task(source.run(intake))
    one = Reading(source, intake, task)
    try:
        yield one
    finally:
        try:
            with suppress(SourceUnavailable) if fails else nullcontext():
                await one.stop_reading()
        finally:
            await source.close()


async def read_on(make: Callable[[], KinesisSource], intake: RecordingIntake) -> None:
    """Read until cancelled; make another source after a failure, as a supervisor does."""
    while True:
        source = make()
        try:
            await source.run(intake)
        except SourceUnavailable as error:
            logger.warning("reading on: %s", error)
            intake.release(intake.unsettled)
            await asyncio.sleep(0.2)
        finally:
            await source.close()
