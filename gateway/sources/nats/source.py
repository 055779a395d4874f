"""The source of NATS triggers: logs in, then reads core NATS or JetStream."""

from __future__ import annotations

from contextlib import AsyncExitStack

from gateway.context import Context
from gateway.core.source import Intake
from gateway.errors import GatewayError
from gateway.nats.login import borrow, server_of
from gateway.sources.nats.core import CoreReader
from gateway.sources.nats.jetstream import JetStreamReader
from tidegate.api.subscription import NatsSubject, Subscription


class NatsSource:
    """Reads one NATS subject for one function; those that log in alike share a connection."""

    watched = True

    def __init__(self, subscription: Subscription, context: Context) -> None:
        spec = subscription.source
        assert isinstance(spec, NatsSubject)
        self._subscription = subscription
        self._spec = spec
        self._context = context
        self._name = f"{subscription.kind} {subscription.namespace}/{subscription.trigger}"
        limits = context.settings.limits
        self._reader: CoreReader | JetStreamReader = (
            JetStreamReader(self._name, spec, limits, retry=subscription.policy.retry)
            if spec.jetstream
            else CoreReader(self._name, spec, limits)
        )
        self._stack = AsyncExitStack()
        self.redelivers = spec.jetstream is not None

    async def run(self, intake: Intake) -> None:
        """Connect, then push until cancelled. See `gateway.core.source.Source`."""
        try:
            server = server_of(self._subscription, self._context)
            connection = await self._stack.enter_async_context(borrow(server, self._context))
        except GatewayError as error:
            raise type(error)(f"{self._name}: {error}") from error
        await self._reader.run(connection, intake)

    async def close(self) -> None:
        """Send the last acknowledgements and let go of the connection."""
        try:
            await self._reader.close()
        finally:
            await self._stack.aclose()
