"""One consumer of the client library, with its traps behind it.

What the library does not offer in public (metadata of commits, positions, whether its tasks are
alive) is read from its inside here and nowhere else; the dependency is pinned to one minor.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition, errors
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from gateway.errors import SourceUnavailable
from gateway.settings import KafkaSettings
from gateway.sources.kafka.failures import Failures, Membership
from gateway.sources.kafka.partition import NOTHING, Commitment
from gateway.sources.kafka.predecessor import client_id, forget_predecessor

POLL_TIMEOUT = 0.25
"""Seconds of one poll without records: how soon a partition that became readable is asked for."""

BATCH = 500
"""Records of one poll; more would keep the loop from the heartbeats."""

_FETCH_BYTES = 8 * 1024 * 1024
_NEVER = 24 * 3600 * 1000
"""The library makes a consumer that does not poll leave the group; our watchdog judges instead."""

logger = logging.getLogger(__name__)


class OutOfRange(Exception):
    """The broker has nothing at the positions of `partitions`."""

    def __init__(self, partitions: Sequence[TopicPartition]) -> None:
        super().__init__()
        self.partitions = partitions


class GenerationLost(Exception):
    """The group went on without us; what we hold may be another's."""


class Client:
    """A consumer in a group. Every call has a deadline; a poll is never cancelled.

    Errors come as `ConfigError` and `SourceUnavailable` with the trigger's name.
    """

    def __init__(self, membership: Membership, settings: KafkaSettings) -> None:
        self._membership = membership
        self._name = membership.name
        self._failures = Failures(membership, settings.connect_timeout)
        self._settings = settings
        self._starting: asyncio.Task[None] | None = None
        self._polling: asyncio.Task[Any] | None = None
        self._served: Collection[TopicPartition] = ()
        self._heard = -1
        self._client_id = client_id(settings.place, self._name)
        self._consumer = self._made()

    async def start(self) -> None:
        """Connect to one of the brokers. Safe to cancel: connecting goes on until `stop`.

        The library would leave a connection open.
        """
        self._starting = asyncio.create_task(
            self._consumer.start(), name=f"{self._name}: connecting"
        )
        await asyncio.wait({self._starting}, timeout=self._settings.connect_timeout)
        if not self._starting.done():
            raise await self._failures.reason(TimeoutError())
        try:
            self._starting.result()
        except (errors.KafkaError, OSError) as error:
            raise await self._failures.reason(error) from error
        if not self._consumer._client.cluster.brokers():
            raise await self._failures.reason(errors.NoBrokersAvailable())
        if self._settings.place:
            await forget_predecessor(
                self._consumer._coordinator, self._client_id, self._name,
                self._settings.request_timeout,
            )  # fmt: skip

    async def topics(self) -> frozenset[str]:
        """Return the names of the topics that are there and may be seen."""
        return frozenset(await self._asked("listing the topics", self._consumer.topics()))

    def join(
        self, topics: Iterable[str], pattern: str, listener: ConsumerRebalanceListener
    ) -> None:
        """Join the group, for `topics` or for those that match `pattern`."""
        if pattern:
            # The library matches at the start only; a pattern names whole topics.
            self._consumer.subscribe(pattern=f"(?:{pattern})\\Z", listener=listener)
        else:
            self._consumer.subscribe(topics=list(topics), listener=listener)

    def assignment(self) -> frozenset[TopicPartition]:
        """Return the partitions that are ours now."""
        return frozenset(self._consumer.assignment())

    def partitions(self) -> int:
        """Return how many partitions the topics have that the group reads; 0 when not known."""
        found = map(self._consumer.partitions_for_topic, self._consumer.subscription())
        return sum(len(each or ()) for each in found)

    async def committed(
        self, partitions: Sequence[TopicPartition]
    ) -> dict[TopicPartition, Commitment]:
        """Return what the group has committed, metadata included."""
        asked = self._consumer._coordinator.fetch_committed_offsets(partitions)
        found = await self._asked("reading the group's offsets", asked)
        return {
            partition: Commitment(found[partition].offset, found[partition].metadata or "")
            if partition in found and found[partition].offset >= 0
            else NOTHING
            for partition in partitions
        }

    async def earliest(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the first offset of each partition."""
        asked = self._consumer.beginning_offsets(partitions)
        return dict(await self._asked("reading the first offsets", asked))

    async def latest(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offset of the next record of each partition."""
        asked = self._consumer.end_offsets(partitions)
        return dict(await self._asked("reading the last offsets", asked))

    async def at_time(
        self, partitions: Sequence[TopicPartition], milliseconds: int
    ) -> dict[TopicPartition, int]:
        """Return the first offset of that time or later, where there is one."""
        asked = self._consumer.offsets_for_times(dict.fromkeys(partitions, milliseconds))
        found = await self._asked("looking up offsets by time", asked)
        return {partition: each.offset for partition, each in found.items() if each is not None}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read `partition` from `offset` on; does nothing when it is not ours any more."""
        if partition in self._consumer.assignment():
            self._consumer.seek(partition, offset)

    async def poll(
        self, partitions: Sequence[TopicPartition], most: int
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Return records of `partitions`, up to `most`. Safe to cancel: the poll itself goes on.

        Raises `OutOfRange` for positions that the broker does not have.
        """
        assert partitions, "without partitions the library would read all of them"
        if self._polling is not None:
            await asyncio.wait({self._polling})
        self._polling = asyncio.create_task(
            self._fetched(partitions, min(most, BATCH)), name=f"{self._name}: polling"
        )
        await asyncio.wait({self._polling})
        task, self._polling = self._polling, None
        try:
            records: dict[TopicPartition, list[ConsumerRecord]] = task.result()
        except errors.OffsetOutOfRangeError as error:
            raise OutOfRange(tuple(error.args[0])) from error
        except errors.NoOffsetForPartitionError:
            return {}  # from before we sought to where to begin
        except (errors.KafkaError, errors.ConsumerStoppedError) as error:
            raise self._failures.translated("reading", error) from error
        return records

    async def _fetched(
        self, partitions: Sequence[TopicPartition], most: int
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Poll those first that gave nothing last time; the library would empty one by one."""
        records: dict[TopicPartition, list[ConsumerRecord]] = {}
        others = [each for each in partitions if each not in self._served]
        if self._served and others:
            records = await self._consumer.getmany(*others, timeout_ms=0, max_records=most)
        if not records:
            records = await self._consumer.getmany(
                *partitions, timeout_ms=_ms(POLL_TIMEOUT), max_records=most
            )
        self._served = records.keys()
        return records

    async def commit(
        self, offsets: Mapping[TopicPartition, Commitment]
    ) -> Mapping[TopicPartition, Commitment]:
        """Commit those of `offsets` that are still ours, and return them.

        Raises `GenerationLost` when the group went on without us.
        """
        ours = self._consumer.assignment()
        wanted = {each: one for each, one in offsets.items() if each in ours}
        if not wanted:
            return wanted
        try:
            plain = {each: tuple(one) for each, one in wanted.items()}
            await self._asked("committing", self._consumer.commit(plain))
        except SourceUnavailable as error:
            if isinstance(error.__cause__, errors.CommitFailedError | errors.IllegalStateError):
                raise GenerationLost from error
            raise
        return wanted

    def behind(self, partition: TopicPartition, committable: int, idle: bool) -> int | None:
        """Return how many records of `partition` are not done, when the broker told its end.

        Where nothing is out, markers of transactions between us and the end are no records.
        """
        subscription = self._consumer._subscription.subscription
        assignment = subscription.assignment if subscription is not None else None
        state = assignment.state_value(partition) if assignment is not None else None
        if state is None or state.highwater is None:
            return None
        stable = self._membership.read_committed and state.lso is not None and state.lso >= 0
        end: int = state.lso if stable else state.highwater
        done: int = state.position if idle and state.has_valid_position else committable
        return max(end - done, 0)

    def check(self) -> None:
        """Raise what ended or troubles the library's own tasks; it tells only those who poll."""
        coordinator, fetcher = self._consumer._coordinator, self._consumer._fetcher
        try:
            coordinator.check_errors()
        except errors.KafkaError as error:
            raise self._failures.translated("taking part in the group", error) from error
        if coordinator._coordination_task.done() or fetcher._fetch_task.done():
            raise SourceUnavailable(f"{self._name}: a task of the Kafka client has ended")

    def heard(self, fetching: bool) -> bool:
        """Say whether the brokers answered since the last call.

        While nothing is fetched, because there is no room or no partition, the coordinator's
        answers to our heartbeats count.
        """
        subscription = self._consumer._subscription.subscription
        assignment = subscription.assignment if subscription is not None else None
        if assignment is None or not assignment.tps or not fetching:
            return self._consumer._coordinator.coordinator_id is not None
        stamps = (assignment.state_value(each).timestamp for each in assignment.tps)
        latest = max((each for each in stamps if each is not None), default=-1)
        heard, self._heard = latest != self._heard, latest
        return heard

    async def stop(self, deadline: float) -> None:
        """Leave the group and disconnect, gracefully as long as `deadline` allows.

        The library has a task of its own for it: once it has left the group it may end as if it
        had been cancelled, when a fetch of its was waiting to be repeated.
        """
        leaving = asyncio.create_task(self._leave(), name=f"{self._name}: leaving")
        try:
            await asyncio.wait({leaving}, timeout=deadline)
            if not leaving.done() or not (leaving.cancelled() or leaving.exception() is None):
                logger.warning("%s: left the group without telling it", self._name)
        finally:
            await self._end_tasks(leaving)
            await self._consumer._client.close()

    async def _leave(self) -> None:
        if self._starting is not None:
            await asyncio.wait({self._starting})
        await self._consumer.stop()

    async def _end_tasks(self, leaving: asyncio.Task[None]) -> None:
        """End what a broker that is away kept from ending, and our own last poll."""
        coordinator, fetcher = self._consumer._coordinator, self._consumer._fetcher
        tasks = {leaving, self._starting, self._polling} - {None}
        if coordinator is not None:
            tasks |= {
                coordinator._coordination_task,
                coordinator._heartbeat_task,
                coordinator._commit_refresh_task,
            }
        if fetcher is not None:
            tasks |= {fetcher._fetch_task, *fetcher._pending_tasks}
        left = {task for task in tasks if task is not None}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=1.0)
        for task in left:
            if task.done() and not task.cancelled():
                task.exception()  # seen: it would be reported as never retrieved

    async def _asked(self, doing: str, answer: Any) -> Any:
        """Wait for an answer; the library itself would try for ever."""
        try:
            async with asyncio.timeout(self._settings.request_timeout):
                return await answer
        except TimeoutError as error:
            raise SourceUnavailable(
                f"{self._name}: {doing}: no answer within {self._settings.request_timeout:g} s"
            ) from error
        except (errors.KafkaError, OSError) as error:
            raise self._failures.translated(doing, error) from error

    def _made(self) -> AIOKafkaConsumer:
        settings = self._settings
        rebalance = settings.revoke_timeout + settings.request_timeout + 5
        return AIOKafkaConsumer(
            bootstrap_servers=list(self._membership.brokers),
            client_id=self._client_id,
            group_id=self._membership.group,
            enable_auto_commit=False,
            # We seek to where to start; the library must never choose by itself.
            auto_offset_reset="none",
            isolation_level=(
                "read_committed" if self._membership.read_committed else "read_uncommitted"
            ),
            # One only: with two, the library asks to join once for each.
            partition_assignment_strategy=(RangePartitionAssignor,),
            session_timeout_ms=_ms(settings.session_timeout),
            heartbeat_interval_ms=_ms(min(3.0, settings.session_timeout / 3)),
            rebalance_timeout_ms=_ms(rebalance),
            # A request to join is answered when the slowest member has drained.
            request_timeout_ms=_ms(rebalance + 10),
            max_poll_interval_ms=_NEVER,
            fetch_max_bytes=_FETCH_BYTES,
            # Below the idle limit of the load balancers in between.
            connections_max_idle_ms=240_000,
            metadata_max_age_ms=_ms(settings.metadata_age),
            **self._membership.login,
        )


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
