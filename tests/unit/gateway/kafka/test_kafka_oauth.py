"""Bearer tokens from a token endpoint: when one is asked for, and what is said without one."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator

import pytest
import trustme
from aiohttp import web

from gateway.kafka.login import Login, client_options, login_from_secret
from gateway.kafka.oauth import (
    ANSWER_LIMIT,
    ClientCredentials,
    TokenClient,
    TokenError,
    TokenRefused,
    TokenUnavailable,
)
from tests.fakes.ports import free_port
from tests.fakes.token_server import Answer, TokenServer, json_answer, token_server


class Hands:
    """A clock that is set by hand."""

    now = 0.0

    def read(self) -> float:
        return self.now


@pytest.fixture
async def server() -> AsyncIterator[TokenServer]:
    async with token_server() as one:
        yield one


def client(server: TokenServer, secret: str = "s3cret", **more: str) -> TokenClient:
    return TokenClient(server.url, "joe", secret, **more)


async def refusal(provider: ClientCredentials) -> TokenError:
    with pytest.raises(TokenError) as raised:
        await provider.token()
    assert "s3cret" not in str(raised.value)
    return raised.value


async def test_a_token_serves_until_most_of_its_life_is_over(server: TokenServer) -> None:
    server.life, hands = 100, Hands()
    provider = ClientCredentials(client(server, scope="kafka"), hands.read)
    first = await provider.token()
    hands.now = 79
    assert await provider.token() == first
    assert server.asked == [{"grant_type": "client_credentials", "scope": "kafka"}]
    hands.now = 81
    await provider.token()
    assert len(server.asked) == 2


async def test_connections_that_begin_at_once_ask_once(server: TokenServer) -> None:
    provider = ClientCredentials(client(server))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(provider.token()) for _ in range(10)]
    assert len({task.result() for task in tasks}) == len(server.asked) == 1


async def test_a_token_that_lives_is_used_while_the_endpoint_is_away(server: TokenServer) -> None:
    server.life, hands = 100, Hands()
    provider = ClientCredentials(client(server), hands.read)
    token = await provider.token()
    server.answer = json_answer({}, 503)
    hands.now = 90
    assert await provider.token() == token
    hands.now = 101
    assert isinstance(await refusal(provider), TokenUnavailable)


async def test_a_client_and_its_secret_may_hold_any_character(server: TokenServer) -> None:
    server.clients = {"a%3Ab": "p%C3%A9%2B+w"}
    assert await ClientCredentials(TokenClient(server.url, "a:b", "pé+ w")).token()


async def test_a_wrong_secret_is_the_users_to_mend(server: TokenServer) -> None:
    error = await refusal(ClientCredentials(client(server, "hunter2")))
    assert isinstance(error, TokenRefused)
    assert "answered 401 (invalid_client); correct client_id, client_secret or scope" in str(error)
    assert "hunter2" not in str(error)


REFUSALS: list[tuple[Answer, str]] = [
    (json_answer({"error": "s3cret!"}, 400), "it answered 400; correct client_id"),
    (json_answer({}, 404), "it answered 404; correct token_endpoint"),
    (lambda: web.Response(status=302, headers={"location": "/"}), "302; correct token_endpoint"),
    (json_answer({"token": "s3cret"}), "there is none in the answer"),
    (json_answer({"access_token": "s3cret\x01auth=x"}), "there is none in the answer"),
    (json_answer(["s3cret"]), "there is none in the answer"),
    (lambda: web.Response(text="s3cret"), "there is none in the answer"),
    (lambda: web.Response(body=b" " * (ANSWER_LIMIT + 1)), "a long answer without a token"),
]


@pytest.mark.parametrize(("answer", "sentence"), REFUSALS)
async def test_an_endpoint_that_gives_no_token_is_the_users_to_mend(
    server: TokenServer, answer: Answer, sentence: str
) -> None:
    server.answer = answer
    error = await refusal(ClientCredentials(client(server)))
    assert isinstance(error, TokenRefused)
    assert sentence in str(error)
    assert server.url.removesuffix("/token") in str(error)


async def test_an_endpoint_that_is_away_is_waited_for(server: TokenServer) -> None:
    server.answer = json_answer({}, 503)
    error = await refusal(ClientCredentials(client(server)))
    assert isinstance(error, TokenUnavailable)
    assert "it answered 503" in str(error)
    nobody = TokenClient(f"http://127.0.0.1:{free_port()}/token", "joe", "s3cret")
    assert isinstance(await refusal(ClientCredentials(nobody)), TokenUnavailable)


async def test_an_endpoint_that_is_silent_is_waited_for_no_longer_than_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        slow = TokenClient(f"http://127.0.0.1:{port}/", "joe", "s3cret", deadline=0.1)
        error = await refusal(ClientCredentials(slow))
        assert isinstance(error, TokenUnavailable)
        assert "no answer within 0.1 s" in str(error)


async def test_a_life_that_is_not_told_is_short(server: TokenServer) -> None:
    server.answer, hands = json_answer({"access_token": "a", "expires_in": "soon"}), Hands()
    provider = ClientCredentials(client(server), hands.read)
    await provider.token()
    hands.now = 59
    await provider.token()
    assert len(server.asked) == 2


def login(**content: str) -> Login:
    encoded = {key.replace("_crt", ".crt"): text.encode() for key, text in content.items()}
    return login_from_secret("ns/s", encoded, tls=False)


async def test_an_endpoint_may_have_a_certificate_of_the_secrets_authority() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with token_server(context) as server:
        named = {"client_id": "joe", "client_secret": "s3cret", "token_endpoint": server.url}
        ours = login(**named, ca_crt=authority.cert_pem.bytes().decode())
        provider = client_options(ours)["sasl_oauth_token_provider"]
        assert await provider.token()
        error = await refusal(client_options(login(**named))["sasl_oauth_token_provider"])
        assert isinstance(error, TokenRefused)
        assert "put its authority into ca.crt" in str(error)
