"""Ways to log in to a real server, and what is said when one fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trustme

from gateway.errors import ConfigError
from tests.fakes.nats_server import NatsServer
from tests.integration.nats.bench import Bench, core, stream
from tests.integration.nats.operators import new_seed, operator_config_and_creds, public_key

Started = Callable[[str], Awaitable[Bench]]

USERS = """
authorization { users: [
  { user: ann, password: secret1 }
  { user: bob, password: secret2, permissions: { subscribe: ["_INBOX.>"], publish: ["x"] } }
] }
"""


@pytest.fixture
async def started(tmp_path: Path) -> AsyncIterator[Started]:
    """Start a server of the given configuration; return a bench for it."""
    async with AsyncExitStack() as stack:

        async def start(config: str) -> Bench:
            server = NatsServer(
                tmp_path / "server", jetstream="operator" not in config, config=config
            )
            await stack.enter_async_context(server)
            bench = Bench(server.url)
            stack.push_async_callback(bench.close)
            return bench

        yield start


async def reads(bench: Bench, **fields: object) -> None:
    """Pass when a source with these fields gets its subscription confirmed."""
    running = bench.start(core(**fields))
    running.task.add_done_callback(lambda _: running.intake.polled())
    await running.intake.until(lambda: running.intake.polls > 0)
    if running.task.done():
        running.task.result()


async def refusal(bench: Bench, **fields: object) -> str:
    """Return the sentence with which a source with these fields ends."""
    error = await bench.start(core(**fields)).failure()
    assert isinstance(error, ConfigError)
    return str(error)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def tls_config(folder: Path, authority: trustme.CA, *, verify: bool = False) -> str:
    folder.mkdir(exist_ok=True)
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        str(folder / "server.pem")
    )
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    demand = f'ca_file: "{folder / "ca.pem"}"\nverify: true' if verify else ""
    pem = folder / "server.pem"
    return f'tls {{ cert_file: "{pem}"\nkey_file: "{pem}"\n{demand} }}'


async def test_a_token(started: Started) -> None:
    bench = await started('authorization { token: "t0ken" }')
    await reads(bench, secret=bench.secret(token="t0ken"))


async def test_user_and_password(started: Started) -> None:
    bench = await started(USERS)
    await reads(bench, secret=bench.secret(user="ann", password="secret1"))


async def test_an_nkey_seed(started: Started) -> None:
    seed = new_seed()
    bench = await started(f"authorization {{ users: [ {{ nkey: {public_key(seed)} }} ] }}")
    await reads(bench, secret=bench.secret(nkey=seed.decode()))


async def test_a_creds_file(started: Started) -> None:
    config, creds = operator_config_and_creds()
    bench = await started(config)
    await reads(bench, secret=bench.secret(creds=creds))


async def test_a_server_certificate_of_a_private_authority(
    started: Started, tmp_path: Path, authority: trustme.CA
) -> None:
    bench = await started(tls_config(tmp_path / "tls", authority))
    ca = authority.cert_pem.bytes().decode()
    await reads(bench, tls=True, secret=bench.secret(ca_crt=ca))


async def test_a_client_certificate(
    started: Started, tmp_path: Path, authority: trustme.CA
) -> None:
    bench = await started(tls_config(tmp_path / "tls", authority, verify=True))
    leaf = authority.issue_cert("client@example.org")
    chain = "".join(one.bytes().decode() for one in leaf.cert_chain_pems)
    secret = bench.secret(
        ca_crt=authority.cert_pem.bytes().decode(),
        tls_crt=chain,
        tls_key=leaf.private_key_pem.bytes().decode(),
    )
    await reads(bench, secret=secret)


async def test_an_unknown_authority_is_said(
    started: Started, tmp_path: Path, authority: trustme.CA
) -> None:
    bench = await started(tls_config(tmp_path / "tls", authority))
    said = await refusal(bench, tls=True)
    assert "TLS failed" in said
    assert "check ca.crt, tls.crt and tls.key" in said


async def test_a_server_without_tls_never_sees_the_credentials(started: Started) -> None:
    bench = await started(USERS)
    said = await refusal(bench, tls=True, secret=bench.secret(user="ann", password="secret1"))
    assert "TLS is wanted but the server does not offer it" in said


async def test_a_wrong_password_is_said_without_the_password(started: Started) -> None:
    bench = await started(USERS)
    said = await refusal(bench, secret=bench.secret(user="ann", password="guess7"))
    assert said == (
        f"NATSTrigger default/orders: connecting to {bench.url}: the server refused the"
        " credentials of secret default/login (Authorization Violation); correct them"
    )


async def test_no_credentials_where_some_are_needed_is_said(started: Started) -> None:
    bench = await started(USERS)
    assert "refused the credentials of no secret" in await refusal(bench)


async def test_a_subject_that_is_not_allowed_is_said(started: Started) -> None:
    bench = await started(USERS)
    said = await refusal(bench, secret=bench.secret(user="bob", password="secret2"))
    assert "subscribing to orders: the server denies it" in said


async def test_a_jetstream_api_that_is_not_allowed_is_said(started: Started) -> None:
    bench = await started(USERS)
    secret = bench.secret(user="bob", password="secret2")
    error = await bench.start(stream(secret=secret)).failure()
    assert isinstance(error, ConfigError)
    assert "the server denies it" in str(error)
    assert "$js.api.stream.names" in str(error)


async def test_a_secret_that_is_not_there_is_said(started: Started) -> None:
    bench = await started(USERS)
    secret = bench.secret(token="x")
    bench.secrets.content.clear()
    assert "secret default/login does not exist" in await refusal(bench, secret=secret)
