"""A Secret that changes while its trigger runs."""

from __future__ import annotations

from pathlib import Path

import nats

from gateway.core.progress import State
from gateway.settings import LifecycleSettings, Settings
from tests.fakes.function_server import function_server
from tests.fakes.nats_server import NatsServer
from tests.support.gateways import running_gateway
from tests.support.waiting import until
from tidegate.api.loader import load
from tidegate.api.subscription import JetStreamConsumer, NatsSubject, SecretRef, Subscription
from tidegate.cli.up.secrets import FileSecrets

PATIENCE = 30.0

USERS = """
authorization { users: [ { user: ann, password: first }, { user: zoe, password: second } ] }
"""

SECRET = """\
apiVersion: v1
kind: Secret
metadata: {{name: login}}
stringData: {{user: {user}, password: {password}}}
"""


async def test_a_secret_that_changes_is_used_at_once_and_the_position_stays(tmp_path: Path) -> None:
    server, secrets = NatsServer(tmp_path, config=USERS), FileSecrets()
    consumer = JetStreamConsumer("orders", create_stream=True)
    spec = NatsSubject("orders", "q", server.url, secret=SecretRef("login"), jetstream=consumer)
    one = Subscription("default", "NATSTrigger", "orders", "hello", spec)

    def holding(user: str, password: str) -> Subscription:
        secrets.replace(load(SECRET.format(user=user, password=password))[0])
        return secrets.versioned(one)

    lifecycle = LifecycleSettings(restart_delay=0.1)
    async with (
        server,
        function_server() as function,
        running_gateway(
            [holding("ann", "first")],
            {"hello": [function.address]},
            Settings(lifecycle=lifecycle),
            secrets,
        ) as running,
    ):
        await publish(server, b"0")
        await function.until(1, timeout=PATIENCE)
        progress = running.progress("orders")
        running.gateway.apply([holding("zoe", "guess")])
        await until(lambda: progress.state is State.REFUSED, timeout=PATIENCE)
        assert "guess" not in progress.reason
        await publish(server, b"1")
        running.gateway.apply([holding("zoe", "second")])
        await function.until(2, timeout=PATIENCE)
        assert [each.body for each in function.seen] == [b"0", b"1"]


async def publish(server: NatsServer, data: bytes) -> None:
    """Publish one message that the stream has when this returns."""
    client = await nats.connect(server.url, user="ann", password="first")
    await client.jetstream().publish("orders", data)
    await client.close()
