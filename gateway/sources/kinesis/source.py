"""The source of one KinesisTrigger."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field

from gateway.context import Context
from gateway.core.lease import END, Lease, LeaseStore
from gateway.core.source import Intake
from gateway.core.tenancy import Replica, Tenancy
from gateway.errors import ConfigError, SourceUnavailable
from gateway.sources.kinesis.aws import Account, close_session, open_client, open_session
from gateway.sources.kinesis.catalogue import Catalogue
from gateway.sources.kinesis.credit import SharedCredit
from gateway.sources.kinesis.events import ShardEvents
from gateway.sources.kinesis.reader import Pace, ShardReader, Surroundings
from gateway.sources.kinesis.settings import account_of, lease_store, start_position
from gateway.sources.kinesis.stream import Stream, Summary
from tidegate.api.subscription import KinesisStream, Subscription

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the source waits for what. Seconds."""

    period: float = 10.0
    """A replica that gave no sign of life for so long is taken over. All replicas must agree."""

    renew: float = 2.5
    """Between two signs of life; at most a third of the period."""

    note: float = 0.5
    """Between two writes of a position that moves; it is sooner where much has ended since."""

    discover: float = 30.0
    """Between two looks for new shards, beside those that the end of a shard announces."""

    call: float = 20.0
    """For one call to Kinesis."""

    settle: float = 2.0
    """For what was read of a shard that another replica wants; then it is taken back."""

    farewell: float = 3.0
    """For the last positions when the source closes."""

    pace: Pace = field(default_factory=Pace)


def paced(period: float) -> Timing:
    """Return the usual timing with another pace of leases."""
    return Timing(period=period, renew=period / 4, note=period / 20)


class KinesisSource:
    """Reads the shards of a stream that this replica has leases of; all of them when alone.

    A shard is read in order, after its parents are read and settled, by one replica at a time.
    Leases are renewed several times a period, and positions that move are written more often:
    that of the lowest unsettled record, and what is settled beyond.
    """

    redelivers = True
    watched = True

    def __init__(
        self,
        subscription: Subscription,
        context: Context,
        *,
        timing: Timing | None = None,
        leases: LeaseStore | None = None,
    ) -> None:
        if not isinstance(subscription.source, KinesisStream):
            raise TypeError(f"{subscription.id}: its source is not a Kinesis stream")
        self._subscription = subscription
        self._spec = subscription.source
        self._context = context
        self._timing = timing or paced(context.settings.kinesis.lease_period)
        self._store = leases
        self._stack = AsyncExitStack()
        self._name = f"{subscription.kind} {subscription.namespace}/{subscription.trigger}"
        self._stirred, self._discover_now = asyncio.Event(), asyncio.Event()
        self._changed = self._pressed = False
        self._readers: dict[str, ShardReader] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._keeping: asyncio.Task[None] | None = None
        self._group: asyncio.TaskGroup | None = None

    async def run(self, intake: Intake) -> None:
        """See `Source.run`."""
        self._intake = intake
        try:
            await self._open()
            self._keeping = asyncio.create_task(self._keep(), name=f"{self._name}: leases")
            await self._read(self._keeping)
        except ConfigError as error:
            raise ConfigError(f"{self._name}: {error}") from error
        except SourceUnavailable as error:
            raise SourceUnavailable(f"{self._name}: {error}") from error

    async def close(self) -> None:
        """See `Source.close`. Hands the leases back, so that no other replica has to wait."""
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
            await asyncio.wait({keeping})
            if not keeping.cancelled() and (error := keeping.exception()) is not None:
                defect = None if isinstance(error, SourceUnavailable) else error
                message = "%s: leases were not kept to the end: %s"
                logger.warning(message, self._name, error, exc_info=defect)
            await self._farewell()
        for reader in self._readers.values():
            reader.revoke()
        self._readers.clear()
        store, self._store = self._store, None
        if store is not None:
            with suppress(SourceUnavailable):
                await store.close()
        await self._stack.aclose()

    # Opening.

    async def _open(self) -> None:
        account = account_of(self._subscription, self._spec, self._context.secrets)
        session = await self._stack.enter_async_context(
            self._context.shared.use(
                ("aws", account.keys is None), lambda: open_session(account), close_session
            )
        )
        client = await open_client(session, "kinesis", account, self._stack)
        self._stream = Stream(client, self._spec.stream, self._timing.call)
        self._store = self._store or self._default_store(session, account)
        summary = await self._stream.summary()
        self._group_name = _group_name(self._subscription, self._spec, summary)
        name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._tenancy = Tenancy(self._group_name, self._store, Replica(name, self._timing.period))
        self._around = Surroundings(
            self._name,
            self._stream,
            lambda shard: ShardEvents(summary.arn, shard),
            self._tenancy.holds,
            self._change,
            self._count,
            self._timing.pace,
        )
        self._catalogue = Catalogue(
            self._stream, self._store, self._group_name, only=self._spec.shard
        )
        await self._catalogue.pin(start_position(self._spec, summary))
        await self._discover()

    def _default_store(self, session: object, account: Account) -> LeaseStore:
        return lease_store(self._spec, self._context, session, account)

    # Finding shards.

    async def _discovering(self) -> None:
        """Look for new shards now and then, and soon after one came to its end."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._timing.discover):
                    await self._discover_now.wait()
            self._discover_now.clear()  # what ends from here on is looked into the next time
            try:
                await self._discover()
                # However many shards end at once, and whatever their leases say.
                await asyncio.sleep(self._timing.pace.idle)
            except SourceUnavailable as error:
                logger.warning("%s: looking for new shards later: %s", self._name, error)
                await asyncio.sleep(self._timing.pace.backoff_max)
                self._discover_now.set()

    async def _discover(self) -> None:
        await self._catalogue.discover()
        self._intake.polled()
        self._change()

    # Keeping leases.

    async def _keep(self) -> None:
        """Renew, hand over, finish and take leases; also while the source only drains."""
        period, loop = self._timing.period, asyncio.get_running_loop()
        failing_since: float | None = None
        rounds = 0
        while True:
            # Others' leases are read more rarely: in DynamoDB each of them has its price.
            rounds += 1
            seeking = self._changed or rounds % 2 == 0
            self._changed = False
            try:
                async with asyncio.timeout(period / 2):
                    await self._attend(seeking=seeking)
                # Who holds nothing writes nothing: only a look at the leases proves the store.
                if seeking:
                    failing_since = None
                    self._intake.unwritable("")
            except (SourceUnavailable, TimeoutError) as error:
                reason = str(error) or f"not done within {period / 2:g} s"
                if failing_since is None:
                    failing_since = loop.time()
                    logger.warning("%s: cannot write its leases: %s", self._name, reason)
                    self._intake.unwritable(reason)
                elif loop.time() - failing_since > 2 * period:
                    raise SourceUnavailable(f"writing the leases: {reason}") from error
            finally:
                self._take_stock()
            # However often shards say that they changed: each round writes every lease.
            await asyncio.sleep(self._timing.renew / 25)
            await self._note_positions(until=loop.time() + self._timing.renew)

    async def _note_positions(self, until: float) -> None:
        """Write positions that move, until a round is due or something has changed.

        A store in trouble gets nothing more before that round, which says so.
        """
        loop, troubled = asyncio.get_running_loop(), False
        while not self._changed and (left := until - loop.time()) > 0:
            await self._stir(left if troubled else min(left, self._timing.note), troubled)
            if not self._changed and loop.time() < until:
                troubled = not await self._noted()

    async def _stir(self, limit: float, troubled: bool) -> None:
        """Wait until something has changed, or much has ended and may be written."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                while not (self._changed or (self._pressed and not troubled)):
                    self._stirred.clear()
                    await self._stirred.wait()

    async def _noted(self) -> bool:
        """Write positions that moved; say whether the store took them well."""
        try:
            async with asyncio.timeout(self._timing.renew):
                return await self._tenancy.note(self._positions())
        except (SourceUnavailable, TimeoutError) as error:
            logger.debug("%s: cannot write positions: %s", self._name, error)
            return False
        finally:
            self._take_stock()
            self._pressed = False

    def _change(self) -> None:
        self._changed = True
        self._stirred.set()

    def _count(self, change: int) -> None:
        """Have the intake count what leases do not say yet, and write sooner where it is much."""
        if self._intake.uncommitted(change):
            self._pressed = True
            self._stirred.set()
        if change < 0:
            self._credit.grown()

    def _positions(self) -> dict[str, str]:
        return {key: reader.position for key, reader in self._readers.items()}

    async def _attend(self, *, seeking: bool) -> None:
        """Do what is due about the leases, once."""
        tenancy = self._tenancy
        await tenancy.renew(self._positions())
        self._drop_lost()
        leaving = {lease.key: lease for lease in tenancy.leaving()}
        for lease in leaving.values():
            await self._hand_over(lease)
        for key, reader in tuple(self._readers.items()):
            if reader.finished and key not in leaving and await tenancy.release(key, END):
                self._drop(key)
                self._discover_now.set()
        if seeking and self._group is not None:
            self._see(await tenancy.seek(self._catalogue.keys))
        self._start_readers()

    def _see(self, leases: Sequence[Lease]) -> None:
        """Note what the leases of all replicas say of the stream."""
        if self._catalogue.has_news(leases):
            self._discover_now.set()
        unfinished = sum(not one.finished for one in leases)
        self._intake.known(parts=unfinished or None)

    async def _hand_over(self, lease: Lease) -> None:
        """Read no more of a shard that another replica wants; let it go once nothing is in work.

        What is soon settled whole is not repeated by the new owner. What takes longer is taken
        back, but for what a function is working on.
        """
        key, reader = lease.key, self._readers.get(lease.key)
        if reader is None:
            await self._tenancy.hand_over(key, lease.position)
            return
        if not reader.stopped:
            reader.stop()
            self._tasks[key].cancel()
        elif reader.stopped_for >= self._timing.settle:
            self._intake.release(reader.unsettled)
        if reader.idle:
            position = END if reader.finished else reader.position
            if await self._tenancy.hand_over(key, position):
                self._drop(key)

    def _start_readers(self) -> None:
        group = self._group
        if group is None:  # reading has ended, be it only since the leases were asked for
            return
        for lease in self._tenancy.working():
            if lease.key in self._readers:
                continue
            shard = self._catalogue.shard(lease.key)
            if shard is None:
                self._discover_now.set()
                continue
            reader = ShardReader(shard, lease.position, self._around)
            reading = reader.run(self._intake, self._credit)
            try:
                task = group.create_task(reading, name=f"{self._name}: {lease.key}")
            except RuntimeError:  # the group is ending: nothing is read any more
                reading.close()
                return
            self._readers[lease.key], self._tasks[lease.key] = reader, task

    def _take_stock(self) -> None:
        """Note what the leases say now, stop work on what is not ours any more, tell the lag."""
        for key, position in self._tenancy.positions().items():
            if key in self._readers:
                self._readers[key].written(position)
        self._drop_lost()
        lags = (reader.lag for reader in self._readers.values())
        self._intake.lag(seconds=max(lags, default=None))

    def _drop_lost(self) -> None:
        """Stop work on shards whose leases are not ours any more."""
        for key in [key for key in self._readers if not self._tenancy.holds(key)]:
            self._drop(key)

    def _drop(self, key: str) -> None:
        """Give a shard up; what of it has not begun is its new owner's."""
        reader = self._readers.pop(key)
        reader.revoke()
        self._tasks.pop(key).cancel()
        self._intake.release(reader.unsettled)

    async def _farewell(self) -> None:
        positions = {
            key: END if reader.finished else reader.position
            for key, reader in self._readers.items()
        }
        try:
            async with asyncio.timeout(self._timing.farewell):
                await self._tenancy.leave(positions)
        except (SourceUnavailable, TimeoutError) as error:
            logger.warning(
                "%s: could not write the last positions; some records come again: %s",
                self._name,
                error,
            )

    # Reading.

    async def _read(self, keeping: asyncio.Task[None]) -> None:
        """Have all shards read until cancelled, or until one of them cannot be."""
        self._credit = SharedCredit(self._intake)
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._change()
                group.create_task(self._discovering(), name=f"{self._name}: discovery")
                group.create_task(_failure_of(keeping), name=f"{self._name}: watch of leases")
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            self._group = None
            for reader in self._readers.values():
                reader.stop()


async def _failure_of(task: asyncio.Task[None]) -> None:
    """Raise what `task` fails with."""
    await asyncio.wait({task})
    task.result()


def _group_name(subscription: Subscription, spec: KinesisStream, summary: Summary) -> str:
    """Name the leases: by subscription, stream and its creation, as several share one table."""
    only = f"/{spec.shard}" if spec.shard else ""
    return f"{subscription.id}#{spec.stream}:{summary.epoch}{only}"
