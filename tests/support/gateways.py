"""A whole gateway on free ports, for the length of a block."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp

from gateway.app import Gateway
from gateway.context import Secrets
from gateway.core.progress import Progress, State
from gateway.errors import ConfigError
from gateway.settings import Settings
from gateway.stores.memory import MemoryLedger
from tests.support.waiting import until
from tidegate.api.subscription import Subscription


class DictSecrets:
    """Secrets of a test."""

    def __init__(self, secrets: Mapping[tuple[str, str], Mapping[str, bytes]] | None = None):
        self._secrets = secrets or {}

    def read(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """See `Secrets.read`."""
        try:
            return self._secrets[namespace, name]
        except KeyError as error:
            raise ConfigError(f"Secret {namespace}/{name} does not exist; create it") from error


class Running:
    """A gateway that runs, and how to look at it."""

    def __init__(self, gateway: Gateway, client: aiohttp.ClientSession) -> None:
        self.gateway = gateway
        self.client = client
        self.url = f"http://127.0.0.1:{gateway.port}"
        self.admin = f"http://127.0.0.1:{gateway.admin_port}"

    def progress(self, trigger: str) -> Progress:
        """Return the progress of a trigger's only subscription."""
        return next(p for s, p in self.gateway.subscriptions() if s.trigger == trigger)

    def outcomes(self, trigger: str) -> dict[str, int]:
        """Return the outcomes that occurred; the books must balance."""
        books = self.progress(trigger).books
        assert books.drift == 0
        return {kind.value: count for kind, count in books.outcomes.items() if count}

    async def apply(self, *subscriptions: Subscription) -> None:
        """Run `subscriptions` and wait until each of them works or was refused."""
        self.gateway.apply(subscriptions)
        await until(
            lambda: all(
                progress.state not in (State.STARTING, State.DRAINING)
                for _, progress in self.gateway.subscriptions()
            ),
            timeout=40,
        )

    async def change(self, subscription: Subscription, state: State) -> None:
        """Run `subscription` instead of what it was, and wait until it is in `state`."""
        self.gateway.apply([subscription])
        progress = self.progress(subscription.trigger)
        await until(lambda: progress.state is state, timeout=40)


@asynccontextmanager
async def running_gateway(
    subscriptions: Iterable[Subscription] = (),
    endpoints: Mapping[str, Iterable[tuple[str, int]]] | None = None,
    settings: Settings | None = None,
    secrets: Secrets | None = None,
) -> AsyncIterator[Running]:
    """Run a gateway with functions of namespace `default` at `endpoints`; check its books."""
    base = settings or Settings()
    settings = replace(base, http=replace(base.http, port=0), admin=replace(base.admin, port=0))
    gateway = Gateway(settings, secrets or DictSecrets(), MemoryLedger())
    await gateway.start()
    for name, addresses in (endpoints or {}).items():
        gateway.endpoints.set(("default", name), addresses)
    task = asyncio.create_task(gateway.run())
    async with aiohttp.ClientSession() as client:
        running = Running(gateway, client)
        try:
            await running.apply(*subscriptions)
            yield running
            for subscription, progress in gateway.subscriptions():
                assert progress.books.drift == 0, subscription.id
        finally:
            gateway.stop()
            await task
