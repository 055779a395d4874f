"""The partitions that are ours: taken over, drained before they go, committed as they advance."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener

from gateway.core.delivery import Delivery
from gateway.core.resume import Resume, decode
from gateway.core.source import Intake
from gateway.core.uncommitted import Uncommitted
from gateway.errors import SourceUnavailable
from gateway.settings import KafkaSettings
from gateway.sources.kafka.client import Client, GenerationLost
from gateway.sources.kafka.partition import NOTHING, Commitment, Held, Partition
from gateway.sources.kafka.starts import Starts

logger = logging.getLogger(__name__)


class Assignment(ConsumerRebalanceListener):  # type: ignore[misc]  # the library ships no types
    """What we hold of the group's partitions, from one rebalance to the next.

    The library revokes everything on each rebalance, also what comes back at once. Before that,
    what has not begun is handed back, and attempts under way get `revoke_timeout` to end, while
    heartbeats go on; then what is done is committed. A partition that comes back as we left it is
    read again when the last attempt has ended, but for what is done. One that comes back changed,
    or not at all, is given up: what settles late commits nothing.
    """

    def __init__(
        self,
        name: str,
        client: Client,
        starts: Starts,
        settings: KafkaSettings,
        intake: Intake,
    ) -> None:
        self._name = name
        self._client = client
        self._intake = intake
        self._starts = starts
        self._settings = settings
        self._held: dict[TopicPartition, Partition] = {}
        self._left: dict[TopicPartition, Partition] = {}
        self._generation = 0
        self._loaded = 0
        self._between = True
        self._revoking = False
        self._over = False
        self._unwritable = ""
        self._pressed = asyncio.Event()
        self.changed = asyncio.Event()
        self.advanced = asyncio.Event()

    # What the library calls, from its own task, one after the other.

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Hand back what has not begun, let the rest end, and commit; the group waits for us."""
        if self._held:
            self._revoking = True
            self._intake.release([one for each in self._held.values() for one in each.out])
            await self._drained()
            await self.commit()
        self._between, self._revoking = True, False
        self._left, self._held = self._held | self._left, {}

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Note that there is something to take over; `load` does it."""
        self._generation += 1
        self._between = False
        self.changed.set()

    # What the source calls.

    @property
    def stale(self) -> bool:
        """Whether `load` has something to do."""
        return self._loaded != self._generation and not self._between

    @property
    def readable(self) -> list[TopicPartition]:
        """The partitions that may be read now."""
        if self._revoking:
            return []
        return [each for each, partition in self._held.items() if partition.readable]

    async def load(self) -> None:
        """Take over what was assigned, where the group left it."""
        generation = self._generation
        partitions = sorted(self._client.assignment())
        stored = await self._client.committed(partitions)
        self._starts.know(partitions)
        unknown = [each for each in partitions if stored[each] == NOTHING]
        first = await self._starts.first(self._client, unknown)
        if generation != self._generation or self._between:
            return
        self._held = {
            each: self._taken(each, stored[each], first.get(each, 0)) for each in partitions
        }
        for partition in self._left.values():
            partition.give_up()
        self._left = {}
        for each, partition in self._held.items():
            self._client.seek(each, partition.next_offset)
        self._loaded = generation
        # Where a new group begins is fixed, so that a second start begins at the same place; and
        # what ended while nothing was ours can be committed now.
        self.advanced.set()

    def deliveries(
        self, records: Mapping[TopicPartition, Sequence[ConsumerRecord]]
    ) -> list[Delivery]:
        """Return deliveries of `records`, but for what is not ours any more or was done before."""
        batch: list[Delivery] = []
        if self._revoking:
            return batch  # whoever gets them reads them again
        for each, found in records.items():
            partition = self._held.get(each)
            if partition is not None:
                batch += partition.deliveries(found)
        return batch

    def read_again(self) -> None:
        """Go back to what was handed back, in partitions of which nothing is out any more."""
        if self._revoking:
            return
        for each, partition in self._held.items():
            if partition.interrupted and not partition.pending:
                left = partition.left
                self._held[each] = Partition(
                    self._held_as(each),
                    partition.stored,
                    left,
                    partition.uncommitted,
                    self._settled,
                )
                self._client.seek(each, left.base)

    def strand(self, partitions: Sequence[TopicPartition]) -> None:
        """Note that the broker has nothing at the positions of `partitions`."""
        for each in partitions:
            if each in self._held:
                self._held[each].stranded = True

    async def go_on(self) -> None:
        """Move the stranded partitions to where the policy says, once nothing of them is out."""
        for each, partition in list(self._held.items()):
            if partition.stranded and not partition.pending:
                offset = await self._starts.again(self._client, each, partition.next_offset)
                if self._held.get(each) is partition:
                    partition.give_up()  # what it was has gone from the broker
                    self._held[each] = self._fresh(each, partition.stored, Resume(offset))
                    self._client.seek(each, offset)
                    self.advanced.set()

    def behind(self) -> int | None:
        """Return how many records are not done, of the partitions whose end is known."""
        found = [
            self._client.behind(each, partition.committable, not partition.pending)
            for each, partition in self._held.items()
        ]
        known = [each for each in found if each is not None]
        return sum(known) if known else None

    def age(self) -> float | None:
        """Return the age in seconds of the oldest record that is out; 0 when all is done."""
        times = [each.oldest for each in self._held.values()]
        known = [each for each in times if each is not None]
        if known:
            return max(time.time() - min(known) / 1000, 0.0)
        return None if self._pending or self.behind() != 0 else 0.0

    def note_attempts(self) -> None:
        """Have the next commit say how often that was tried which has not ended.

        Where a head is stuck nothing may end, and a crash would give it all its attempts anew.
        """
        if self._pending:
            self.advanced.set()

    async def commit(self) -> bool:
        """Commit what advanced; say whether that went well.

        What cannot be committed now is tried again, or comes again.
        """
        self.advanced.clear()
        if self._between:
            return False
        held = self._held
        wanted = {each: partition.commitment() for each, partition in held.items()}
        moved = {each: one for each, one in wanted.items() if one != held[each].stored}
        _note(held, {each: one for each, one in wanted.items() if each not in moved})
        try:
            _note(held, await self._client.commit(moved) if moved else {})
        except GenerationLost:
            return False  # the rebalance that follows gives these partitions up
        except SourceUnavailable as error:
            self._complain(str(error))
            self.advanced.set()
            return False
        self._complain("")
        return True

    async def commit_always(self) -> None:
        """Commit for as long as something advances. Runs until cancelled.

        At once after a pause, then in intervals, or sooner where much has ended.
        """
        interval = self._settings.commit_interval
        while True:
            await self.advanced.wait()
            if not await self.commit():
                await asyncio.sleep(interval)
                continue
            self._pressed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(interval):
                    await self._pressed.wait()

    def end(self) -> None:
        """Wait for no delivery any more: the source is closing."""
        self._over = True
        self.changed.set()

    # Inside.

    def _taken(self, each: TopicPartition, stored: Commitment, first: int) -> Partition:
        """Return the partition as we left it, when the group did nothing with it since."""
        partition = self._left.get(each)
        if partition is not None and partition.stored == stored:
            del self._left[each]
            return partition
        if stored == NOTHING:
            return self._fresh(each, stored, Resume(first))
        try:
            resume = decode(*stored)
        except ValueError as error:
            logger.warning(
                "%s: metadata of %s/%d at offset %d: %s; what was done above it comes again",
                self._name,
                *each,
                stored.offset,
                error,
            )
            resume = Resume(stored.offset)
        return self._fresh(each, stored, resume)

    def _fresh(self, each: TopicPartition, stored: Commitment, resume: Resume) -> Partition:
        uncommitted = Uncommitted(self._count, resume.highest)
        return Partition(self._held_as(each), stored, resume, uncommitted, self._settled)

    def _held_as(self, each: TopicPartition) -> Held:
        return Held((each.topic, each.partition), self._settings.window)

    def _count(self, change: int) -> None:
        """Have the intake count what is not committed, and commit sooner where that is much."""
        if self._intake.uncommitted(change) and not self._pressed.is_set():
            self._pressed.set()

    def _settled(self) -> None:
        # Looking costs less than setting what is set, and this is on the path of every event.
        if not self.advanced.is_set():
            self.advanced.set()
        if not self.changed.is_set():
            self.changed.set()

    async def _drained(self) -> None:
        try:
            async with asyncio.timeout(self._settings.revoke_timeout):
                while self._pending and not self._over:
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            logger.warning(
                "%s: rebalance: %d deliveries did not end within %g s; whoever gets their"
                " partitions delivers them again",
                self._name,
                self._pending,
                self._settings.revoke_timeout,
            )

    @property
    def _pending(self) -> int:
        return sum(partition.pending for partition in self._held.values())

    def _complain(self, error: str) -> None:
        """Say once that commits fail, until one goes through; `error` is then empty."""
        if error and self._unwritable != error:
            logger.warning(
                "%s; trying again until it is written; meanwhile no more is read than may be in"
                " flight",
                error,
            )
        elif self._unwritable and not error:
            logger.info("%s: offsets are committed again", self._name)
        if self._unwritable != error:
            self._unwritable = error
            self._intake.unwritable(error)


def _note(
    held: Mapping[TopicPartition, Partition], written: Mapping[TopicPartition, Commitment]
) -> None:
    for each, one in written.items():
        held[each].committed(one)
