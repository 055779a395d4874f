"""A Kinesis trigger in a whole gateway."""

from __future__ import annotations

from pathlib import Path

from gateway.core.progress import State
from gateway.settings import KinesisSettings, Settings
from tests.fakes.function_server import FunctionServer
from tests.support.gateways import DictSecrets, Running, running_gateway
from tests.support.waiting import until
from tidegate.api.subscription import DeliveryPolicy, KinesisStream, Ordering, Subscription


def trigger(spec: KinesisStream) -> Subscription:
    """Return the trigger `orders`, which feeds `hello`."""
    policy = DeliveryPolicy(ordering=Ordering.KEY, backoff_delay=0.01)
    return Subscription("default", "KinesisTrigger", "orders", "hello", spec, policy=policy)


def on_a_laptop(folder: Path) -> Settings:
    """Keep leases in a file."""
    return Settings(kinesis=KinesisSettings(str(folder / "leases.sqlite")))


def at(server: FunctionServer) -> dict[str, list[tuple[str, int]]]:
    """Say where `hello` is."""
    return {"hello": [server.address]}


async def delivered(running: Running, count: int) -> None:
    """Wait until `count` records were taken."""
    await until(lambda: running.outcomes("orders").get("delivered") == count, timeout=50)


async def refusal(spec: KinesisStream, settings: Settings, secrets: DictSecrets) -> str:
    """Return why a trigger is refused."""
    async with running_gateway([trigger(spec)], settings=settings, secrets=secrets) as running:
        progress = running.progress("orders")
        await until(lambda: progress.state is State.REFUSED, timeout=30)
        assert progress.reason.startswith("KinesisTrigger default/orders: ")
        return progress.reason
