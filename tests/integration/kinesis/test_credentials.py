"""Who reads: keys of a Secret, the environment, a role for a web identity, a pod's identity."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster

from gateway.settings import LifecycleSettings
from tests.fakes.aws_proxy import AwsProxy
from tests.fakes.function_server import function_server
from tests.fakes.identity_server import ROLE, IdentityServer
from tests.fakes.kinesis_server import KEYS
from tests.support.gateways import DictSecrets, Running, running_gateway
from tests.support.kinesis import SECRETS, StreamOfTests
from tests.support.kinesis_gateway import at, delivered, on_a_laptop, refusal, trigger
from tests.support.load import Load
from tests.support.waiting import until
from tidegate.api.subscription import KinesisStream


@pytest.fixture
def spec(proxy: AwsProxy) -> KinesisStream:
    """A trigger without a Secret, at an endpoint of its own."""
    return KinesisStream("orders", "eu-west-1", endpoint=proxy.url, start="TRIM_HORIZON")


@pytest.fixture
def bare(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, blocking_calls_fail: BlockBuster
) -> pytest.MonkeyPatch:
    """An environment that says nothing yet."""
    blocking_calls_fail.deactivate()  # a token is a small file that the library reads by itself
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
async def identities(proxy: AwsProxy) -> AsyncIterator[IdentityServer]:
    """Who gives out the only keys that the stream takes."""
    one = IdentityServer("first")
    proxy.accepts = lambda _, __, authorization: (
        None if one.knows(authorization) else "UnrecognizedClientException"
    )
    async with one.running():
        yield one


@pytest.fixture
def token(bare: pytest.MonkeyPatch, tmp_path: Path, identities: IdentityServer) -> Path:
    """The file of a service account's token, with the environment that Kubernetes gives a pod."""
    file = tmp_path / "token"
    file.write_text("first")
    bare.setenv("AWS_ROLE_ARN", ROLE)
    bare.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(file))
    bare.setenv("AWS_ENDPOINT_URL_STS", identities.url)
    bare.setenv("AWS_REGION", "eu-west-1")
    return file


@pytest.mark.usefixtures("token")
async def test_a_role_is_had_for_a_web_identity(
    load: Load, spec: KinesisStream, identities: IdentityServer, tmp_path: Path
) -> None:
    async with (
        function_server() as server,
        running_gateway([trigger(spec)], at(server), on_a_laptop(tmp_path)) as running,
    ):
        await load.publish(1)
        await delivered(running, 20)
    assert identities.seen == [(ROLE, "first")]


async def test_keys_that_run_out_are_renewed_with_the_token_of_now(
    load: Load, spec: KinesisStream, identities: IdentityServer, token: Path, tmp_path: Path
) -> None:
    identities.lifetime = 300
    async with (
        function_server() as server,
        running_gateway([trigger(spec)], at(server), on_a_laptop(tmp_path)) as running,
    ):
        await load.publish(1)
        await delivered(running, 20)
        await rotated(identities, token)
        await load.publish(1)
        await delivered(running, 40)


def write(token: Path, text: str) -> None:
    token.write_text(text)


def remove(token: Path) -> None:
    token.unlink()


async def rotated(identities: IdentityServer, token: Path) -> None:
    """Replace the token, and wait until the new one was used."""
    identities.tokens.add("second")
    write(token, "second")
    await until(lambda: identities.seen[-1][1] == "second", timeout=30)
    identities.tokens.discard("first")


@pytest.mark.regression("botocore: the token of a pod identity was read once and never again")
async def test_the_token_of_a_pod_identity_is_read_again(
    load: Load,
    spec: KinesisStream,
    identities: IdentityServer,
    bare: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    token = tmp_path / "token"
    write(token, "first")
    bare.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{identities.url}/v1/credentials")
    bare.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(token))
    identities.lifetime = 300
    async with (
        function_server() as server,
        running_gateway([trigger(spec)], at(server), on_a_laptop(tmp_path)) as running,
    ):
        await rotated(identities, token)
        await load.publish(1)
        await delivered(running, 20)


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidIdentityToken"])
async def test_a_role_that_is_not_given_is_refused_in_a_sentence(
    spec: KinesisStream, identities: IdentityServer, token: Path, tmp_path: Path, code: str
) -> None:
    write(token, "of somebody else")
    identities.code = code
    reason = await refusal(spec, on_a_laptop(tmp_path), SECRETS)
    assert f"AWS does not give the gateway its role ({code}); check AWS_ROLE_ARN" in reason
    assert "somebody" not in reason


async def test_a_token_that_is_not_there_is_named(
    spec: KinesisStream, token: Path, tmp_path: Path
) -> None:
    remove(token)
    reason = await refusal(spec, on_a_laptop(tmp_path), SECRETS)
    assert f"No such file or directory: {token}; correct AWS_WEB_IDENTITY_TOKEN_FILE" in reason


async def test_a_token_without_a_role_is_refused(
    spec: KinesisStream, token: Path, bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bare.delenv("AWS_ROLE_ARN")
    assert "correct the gateway's environment" in await refusal(
        spec, on_a_laptop(tmp_path), SECRETS
    )


async def test_the_environment_says_who_reads_when_no_secret_does(
    load: Load, spec: KinesisStream, proxy: AwsProxy, bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in KEYS.items():
        bare.setenv(name.upper(), value)
    proxy.accepts = takes_only("test")
    async with (
        function_server() as server,
        running_gateway([trigger(spec)], at(server), on_a_laptop(tmp_path)) as running,
    ):
        await load.publish(1)
        await delivered(running, 20)


@pytest.mark.usefixtures("bare")
async def test_who_has_no_credentials_at_all_is_refused(
    spec: KinesisStream, tmp_path: Path
) -> None:
    reason = await refusal(spec, on_a_laptop(tmp_path), SECRETS)
    assert "there are none; name a secret with aws_access_key_id" in reason


def takes_only(key: str) -> Any:
    """Refuse every request that is not signed with `key`."""
    return lambda _, __, authorization: (
        None if f"Credential={key}/" in authorization else "UnrecognizedClientException"
    )


async def test_keys_of_a_secret_that_were_exchanged_are_taken_up_without_a_restart(
    stream: StreamOfTests, load: Load, proxy: AwsProxy, tmp_path: Path
) -> None:
    content = {("default", "aws"): secret("old")}
    proxy.accepts = takes_only("old")
    quick = LifecycleSettings(restart_delay=0.05, restart_delay_max=0.2)
    settings = replace(on_a_laptop(tmp_path), lifecycle=quick)
    reads = trigger(replace(stream, endpoint=proxy.url).spec())
    async with (
        function_server() as server,
        running_gateway([reads], at(server), settings, DictSecrets(content)) as running,
    ):
        await load.publish(1)
        await delivered(running, 20)
        proxy.accepts = takes_only("new")
        await until(lambda: "AWS does not know the caller" in reason(running), timeout=30)
        content["default", "aws"] = secret("new")
        await load.publish(1)
        await delivered(running, 40)


def secret(key: str) -> dict[str, bytes]:
    return {"aws_access_key_id": key.encode(), "aws_secret_access_key": b"secret"}


def reason(running: Running) -> str:
    return running.progress("orders").reason
