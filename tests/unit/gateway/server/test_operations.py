"""Who may operate a gateway of a cluster."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from gateway.server.answers import ERROR_HEADER
from gateway.server.operations import Operations
from gateway.server.token_file import LONGEST, TOKEN_HEADER, TokenFile
from tests.support.http_servers import serving


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("right\n")
    return file


def put(token: Path, content: bytes | None) -> None:
    """Make `content` what the Secret's mount has; None is a Secret that is not there."""
    token.unlink(missing_ok=True)
    token.parent.mkdir(exist_ok=True)
    if content is not None:
        token.write_bytes(content)


@pytest.fixture
async def session(token: Path) -> AsyncIterator[aiohttp.ClientSession]:
    application = web.Application()
    Operations(lambda: pytest.fail("nobody was let in"), TokenFile(token).guard).extend(application)
    async with (
        serving(application) as url,
        aiohttp.ClientSession(f"{url}/operations/") as session,
    ):
        yield session


async def asked(session: aiohttp.ClientSession, token: str | None) -> tuple[int, str]:
    headers = {} if token is None else {TOKEN_HEADER: token}
    async with session.get("nothing", headers=headers) as answer:
        if answer.status == 403:
            assert answer.headers[ERROR_HEADER] == "forbidden"
        return answer.status, await answer.text()


@pytest.mark.parametrize("given", [None, "", "wrong", "right\u00e9", "rightright"])
async def test_who_shows_no_or_another_token_is_kept_out(
    session: aiohttp.ClientSession, given: str | None
) -> None:
    status, sentence = await asked(session, given)
    assert status == 403
    assert "tidegate-admin" in sentence
    assert "right" not in sentence


async def test_who_shows_the_token_is_let_in(session: aiohttp.ClientSession) -> None:
    status, _ = await asked(session, "right")
    assert status == 404  # there is no such operation


async def test_a_new_token_counts_at_once(session: aiohttp.ClientSession, token: Path) -> None:
    put(token, b"newer")
    assert (await asked(session, "right"))[0] == 403
    assert (await asked(session, "newer"))[0] == 404


@pytest.mark.parametrize("content", [None, b"", b"\n"])
async def test_without_a_token_nobody_may_do_anything(
    session: aiohttp.ClientSession, token: Path, content: bytes | None
) -> None:
    put(token, content)
    for given in (None, "", "right"):
        status, sentence = await asked(session, given)
        assert (status, "operations are closed" in sentence) == (403, True)


async def test_a_token_that_cannot_be_read_opens_nothing(
    session: aiohttp.ClientSession, token: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(token, None)
    put(token / "no-file", b"")
    with caplog.at_level(logging.WARNING):
        assert (await asked(session, ""))[0] == 403
    assert "cannot read the token" in caplog.text


async def test_only_the_beginning_of_a_huge_file_is_read(
    session: aiohttp.ClientSession, token: Path
) -> None:
    put(token, b"x" * (LONGEST + 1000))
    assert (await asked(session, "x" * LONGEST))[0] == 404
