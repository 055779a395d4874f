"""Every way to log in, on Apache Kafka: taken, refused with a sentence, renewed, rotated."""

from __future__ import annotations

import pytest
import trustme

from gateway.core.progress import State
from gateway.errors import ConfigError, SourceUnavailable
from gateway.settings import LifecycleSettings, Settings
from tests.fakes.function_server import function_server
from tests.fakes.token_server import json_answer, token_server
from tests.integration.kafka.bench import PATIENCE, Bench
from tests.integration.kafka.conftest import Guarded
from tests.support.gateways import running_gateway
from tests.support.waiting import until
from tidegate.api.loader import load
from tidegate.api.subscription import KafkaTopic, SecretRef, Subscription
from tidegate.cli.up.secrets import FileSecrets


async def refusal(bench: Bench, address: str, secret: SecretRef) -> str:
    """Return why a source that logs in with `secret` ended: the user's to mend."""
    async with bench.reading(brokers=(address,), secret=secret) as reader:
        error = await reader.failure()
        assert isinstance(error, ConfigError), error
        return str(error)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_password_is_checked(bench: Bench, guarded: Guarded, mechanism: str) -> None:
    address = guarded.broker.login_address
    await bench.create()
    await bench.publish(2)
    right = bench.secret(username="joe", password="pw", mechanism=mechanism)
    async with bench.reading(brokers=(address,), secret=right) as reader:
        await reader.until(2)
        reader.intake.settle()
    wrong = bench.secret(username="joe", password="hunter2", mechanism=mechanism)
    said = await refusal(bench, address, wrong)
    assert "refused" in said
    assert "correct the trigger's Secret" in said
    assert "hunter2" not in said


async def test_a_certificate_is_checked(bench: Bench, guarded: Guarded) -> None:
    address, stranger = guarded.broker.certificate_address, trustme.CA()
    await bench.create()
    await bench.publish(2)
    right = bench.secret(**certified(guarded.authority, by=guarded.authority))
    async with bench.reading(brokers=(address,), secret=right) as reader:
        await reader.until(2)
        reader.intake.settle()
    unknown = bench.secret(**certified(guarded.authority, by=stranger))
    assert "refused" in await refusal(bench, address, unknown)
    distrustful = bench.secret(**certified(stranger, by=guarded.authority))
    assert "refused" in await refusal(bench, address, distrustful)


def certified(trusted: trustme.CA, *, by: trustme.CA) -> dict[str, str]:
    """Return a Secret's content that trusts one authority and shows a certificate of another."""
    mine = by.issue_cert("client.test")
    return {
        "ca_crt": trusted.cert_pem.bytes().decode(),
        "tls_crt": mine.cert_chain_pems[0].bytes().decode(),
        "tls_key": mine.private_key_pem.bytes().decode(),
    }


def client(url: str, secret: str = "s3cret") -> dict[str, str]:
    """Return a Secret's content that asks for tokens."""
    return {"client_id": "joe", "client_secret": secret, "token_endpoint": url}


async def test_a_token_of_the_endpoint_is_taken(bench: Bench, guarded: Guarded) -> None:
    await bench.create()
    await bench.publish(2)
    async with token_server(issuer=guarded.issuer) as server:
        login = bench.secret(**client(server.url))
        address = guarded.broker.login_address
        async with bench.reading(brokers=(address,), secret=login) as reader:
            await reader.until(2)
            reader.intake.settle()
            await bench.until_stored(lambda stored: stored.get(0) == (2, ""))
        assert len(server.asked) == 1
        said = await refusal(bench, address, bench.secret(**client(server.url, "hunter2")))
        assert "(invalid_client); correct client_id" in said
        assert "hunter2" not in said


@pytest.mark.regression(
    "aiokafka: logs in only as it connects, and a token that ends ends the connection"
)
async def test_a_token_is_renewed_before_it_ends(bench: Bench, guarded: Guarded) -> None:
    """Guards: the library logs in only as it connects, and the broker closes what is over."""
    await bench.create()
    async with token_server(issuer=guarded.issuer) as server:
        server.life = 2
        login = bench.secret(**client(server.url))
        async with bench.reading(brokers=(guarded.broker.login_address,), secret=login) as reader:
            for round in range(3):
                before = len(server.asked)
                await bench.publish(2, first=2 * round)
                await reader.until(2 * round + 2)
                reader.intake.settle()
                await until(lambda: len(server.asked) > before, timeout=PATIENCE)  # noqa: B023
            await bench.until_stored(lambda stored: stored.get(0) == (6, ""))
            assert reader.offsets() == [*range(6)]


@pytest.mark.regression("aiokafka: takes the answer to a refused token for a login")
async def test_a_token_that_the_brokers_refuse_is_the_users_to_mend(
    bench: Bench, guarded: Guarded
) -> None:
    """Guards: the library takes the answer to a refused token for a login."""
    await bench.create()
    token = guarded.issuer.token("joe", 60, audience="elsewhere")
    said = await refusal(bench, guarded.broker.login_address, bench.secret(token=token))
    assert "refused" in said
    assert token not in said


async def test_a_token_endpoint_that_is_away_is_waited_for(bench: Bench, guarded: Guarded) -> None:
    await bench.create()
    async with token_server(issuer=guarded.issuer) as server:
        server.answer = json_answer({}, 503)
        login = bench.secret(**client(server.url))
        async with bench.reading(brokers=(guarded.broker.login_address,), secret=login) as reader:
            error = await reader.failure()
            assert isinstance(error, SourceUnavailable)
            assert "for a token: it answered 503" in str(error)


SECRET = """\
apiVersion: v1
kind: Secret
metadata: {{name: login}}
stringData: {{username: ann, password: {password}, mechanism: SCRAM-SHA-256}}
"""


async def test_a_secret_that_changes_is_used_at_once_and_offsets_stay(
    bench: Bench, guarded: Guarded
) -> None:
    await bench.create()
    await bench.publish(3)
    secrets = FileSecrets()
    address = guarded.broker.login_address
    spec = KafkaTopic(bench.topic, bench.group, (address,), SecretRef("login"))
    one = Subscription("default", "KafkaTrigger", "orders", "hello", spec)

    def holding(password: str) -> Subscription:
        secrets.replace(load(SECRET.format(password=password))[0])
        return secrets.versioned(one)

    settings = Settings(kafka=bench.settings, lifecycle=LifecycleSettings(restart_delay_max=0.5))
    async with (
        function_server() as function,
        running_gateway(
            [holding("pw")], {"hello": [function.address]}, settings, secrets
        ) as running,
    ):
        await function.until(3, timeout=PATIENCE)
        progress = running.progress("orders")
        running.gateway.apply([holding("n3w")])
        await until(lambda: progress.state is State.REFUSED, timeout=PATIENCE)
        assert "correct the trigger's Secret" in progress.reason
        await bench.publish(3, first=3)
        await guarded.broker.set_password("ann", "n3w")
        await function.until(6, timeout=PATIENCE)
        assert [each.body for each in function.seen] == [b"%d" % number for number in range(6)]
        await bench.until_stored(lambda stored: stored.get(0) == (6, ""))
