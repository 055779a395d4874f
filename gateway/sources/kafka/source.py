"""The source of Kafka triggers: a consumer in a group, read as fast as deliveries end."""

from __future__ import annotations

import asyncio

from gateway.context import Context
from gateway.core.source import Intake
from gateway.errors import SourceUnavailable
from gateway.kafka.cluster import cluster_of
from gateway.sources.kafka.assignment import Assignment
from gateway.sources.kafka.client import Client, OutOfRange
from gateway.sources.kafka.failures import Membership, Silence
from gateway.sources.kafka.starts import Starts
from tidegate.api.subscription import KafkaTopic, Subscription

LOOK = 1.0
"""Seconds between two looks at the client's health and the lag."""

FAREWELL = 5.0
"""Seconds for the last commit, and again for leaving the group."""


class KafkaSource:
    """Reads the topics of one trigger for one function, in a consumer group of their own.

    Only partitions with room are asked for, and never none: the library throws away what it has
    fetched of a partition that is paused, and reads all when it is asked for none. Whatever is
    not read stays in its buffers, which are bounded.
    """

    redelivers = True
    watched = True

    def __init__(self, subscription: Subscription, context: Context) -> None:
        spec = subscription.source
        assert isinstance(spec, KafkaTopic)
        self._subscription = subscription
        self._spec = spec
        self._context = context
        self._settings = context.settings.kafka
        self._name = f"{subscription.kind} {subscription.namespace}/{subscription.trigger}"
        self._starts = Starts(self._name, spec)
        self._silence = Silence(self._name)
        self._client: Client | None = None
        self._committing: asyncio.Task[None] | None = None
        self._looked = 0.0
        self._found = 0.0
        self._fetching = False

    async def run(self, intake: Intake) -> None:
        """Connect, then push until cancelled. See `gateway.core.source.Source`."""
        client = self._client = await self._connected()
        await client.start()
        intake.polled()
        await self._check_topics(client)
        assignment = self._assignment = Assignment(
            self._name, client, self._starts, self._settings, intake
        )
        client.join(self._topics, self._spec.pattern, assignment)
        self._committing = asyncio.create_task(
            assignment.commit_always(), name=f"{self._name}: committing"
        )
        while True:
            await self._step(client, assignment, intake)

    async def close(self) -> None:
        """Commit what was settled, leave the group and disconnect.

        The library calls no listener when it stops, so the last commit is made here.
        """
        client, self._client = self._client, None
        if client is None:
            return
        if self._committing is not None:
            self._committing.cancel()
            await asyncio.wait({self._committing})
            self._assignment.end()
            await self._last_commit()
        await client.stop(FAREWELL)

    async def _last_commit(self) -> None:
        try:
            async with asyncio.timeout(FAREWELL):
                await self._assignment.commit()
        except TimeoutError:
            pass  # what is not committed comes again

    async def _step(self, client: Client, assignment: Assignment, intake: Intake) -> None:
        """Read once, or wait until there is a reason to."""
        await self._look(client, assignment, intake)
        if assignment.stale:
            await assignment.load()
        assignment.read_again()
        # Also where there is a little credit: one record at a time would cost a poll for each.
        await self._wait_for_room(intake)
        readable = assignment.readable
        if not readable:
            await self._wait_for_change(assignment)
        elif intake.credit > 0:
            await self._read(client, assignment, intake)
        else:
            self._fetching = False

    async def _read(self, client: Client, assignment: Assignment, intake: Intake) -> None:
        self._fetching = True
        try:
            records = await client.poll(assignment.readable, intake.credit)
        except OutOfRange as error:
            assignment.strand(error.partitions)
        else:
            if records:
                intake.push(assignment.deliveries(records))

    async def _look(self, client: Client, assignment: Assignment, intake: Intake) -> None:
        """Now and then, see whether all is well, and tell the intake how far we are."""
        now = asyncio.get_running_loop().time()
        if now - self._looked < LOOK:
            return
        self._looked = now
        client.check()
        if self._committing is not None and self._committing.done():
            self._committing.result()
        await assignment.go_on()
        if not client.assignment() and now - self._found > self._settings.metadata_age:
            await self._check_topics(client)
        heard = client.heard(self._fetching)
        if heard:
            intake.polled()
        self._silence.note(now, heard=heard)
        self._fetching = False
        intake.lag(assignment.behind(), assignment.age())
        intake.known(parts=client.partitions() or None)
        assignment.note_attempts()

    async def _wait_for_room(self, intake: Intake) -> None:
        try:
            async with asyncio.timeout(LOOK):
                await intake.room()
        except TimeoutError:
            pass

    async def _wait_for_change(self, assignment: Assignment) -> None:
        if assignment.stale:
            return  # assigned anew while the last one was being loaded
        assignment.changed.clear()
        try:
            async with asyncio.timeout(LOOK):
                await assignment.changed.wait()
        except TimeoutError:
            pass

    async def _check_topics(self, client: Client) -> None:
        """Say so when a topic is not there, or no more; asking for it by name might create it."""
        if self._spec.pattern:
            return
        missing = sorted(set(self._topics) - await client.topics())
        if missing:
            raise SourceUnavailable(
                f"{self._name}: the brokers have no topic {', '.join(missing)};"
                " create it, correct spec.topic, or allow this user to describe it"
            )
        self._found = asyncio.get_running_loop().time()

    @property
    def _topics(self) -> tuple[str, ...]:
        return (*((self._spec.topic,) if self._spec.topic else ()), *self._spec.topics)

    async def _connected(self) -> Client:
        cluster = await cluster_of(self._subscription, self._context)
        spec = self._spec
        membership = Membership(
            self._name,
            spec.group,
            cluster.brokers,
            spec.isolation == "read_committed",
            cluster.login,
        )
        return Client(membership, self._settings)
