"""Who gives out keys of AWS: the Security Token Service, and the agent of pod identities."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from aiohttp import web

from tests.support.http_servers import serving

ROLE = "arn:aws:iam::000000000000:role/tidegate"

_GIVEN = """<AssumeRoleWithWebIdentityResponse
  xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>
  <AccessKeyId>{key}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
  <SessionToken>session</SessionToken><Expiration>{expiration}</Expiration>
  </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""
_REFUSED = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error>
  <Type>Sender</Type><Code>{code}</Code><Message>asked for by a test</Message></Error>
  </ErrorResponse>"""


class IdentityServer:
    """Gives keys for `tokens`; each time others, of which only the last are good."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = set(tokens)
        self.seen: list[tuple[str, str]] = []
        """Role and token of each call."""

        self.lifetime = 3600.0
        """Of what is given, in seconds; with less than ten minutes it is renewed at each use."""

        self.code = "InvalidIdentityToken"
        """How other tokens are refused."""

        self.url = ""

    def knows(self, authorization: str) -> bool:
        """Say whether a request is signed with what was given last."""
        return f"Credential={self._key}/" in authorization

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve at `url` for the length of the block."""
        app = web.Application()
        app.router.add_post("/", self._assume_role)
        app.router.add_get("/v1/credentials", self._credentials)
        async with serving(app) as self.url:
            yield

    @property
    def _key(self) -> str:
        return f"ASIA{len(self.seen)}"

    def _expiration(self) -> str:
        return (datetime.now(UTC) + timedelta(seconds=self.lifetime)).strftime("%Y-%m-%dT%H:%M:%SZ")

    async def _assume_role(self, request: web.Request) -> web.Response:
        form = await request.post()
        token = str(form["WebIdentityToken"])
        if token not in self.tokens:
            text = _REFUSED.format(code=self.code)
            return web.Response(status=400, text=text, content_type="text/xml")
        self.seen.append((str(form["RoleArn"]), token))
        text = _GIVEN.format(key=self._key, expiration=self._expiration())
        return web.Response(text=text, content_type="text/xml")

    async def _credentials(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "")
        if token not in self.tokens:
            return web.Response(status=401)
        self.seen.append(("", token))
        keys = {"AccessKeyId": self._key, "SecretAccessKey": "secret", "Token": "session"}
        return web.json_response({**keys, "Expiration": self._expiration()})
