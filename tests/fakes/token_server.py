"""An authorization server: gives signed bearer tokens to clients that know their secret."""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.support.http_servers import serving

ISSUER = "https://issuer.test"
AUDIENCE = "kafka"
KEY_ID = "k1"


class Issuer:
    """Signs tokens (RFC 7519) with a key of its own."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def keys(self) -> str:
        """Return the key that checks the tokens, as a JWKS document (RFC 7517)."""
        public = self._key.public_key().public_numbers()
        key = {"kty": "RSA", "kid": KEY_ID, "use": "sig", "alg": "RS256"}
        return json.dumps({"keys": [key | {"n": _number(public.n), "e": _number(public.e)}]})

    def token(self, subject: str, life: int, audience: str = AUDIENCE) -> str:
        """Return a token that ends after `life` seconds."""
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": audience, "sub": subject, "iat": now, "exp": now + life}
        head = {"alg": "RS256", "kid": KEY_ID, "typ": "JWT"}
        signed = ".".join(_text(json.dumps(part).encode()) for part in (head, claims))
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_text(signature)}"


@dataclass
class TokenServer:
    """Clients and their secrets, how long tokens live, and what was asked for.

    `answer` takes the place of the usual answer while it is set.
    """

    issuer: Issuer
    clients: dict[str, str] = field(default_factory=lambda: {"joe": "s3cret"})
    life: int = 3600
    url: str = ""
    asked: list[Mapping[str, str]] = field(default_factory=list)
    answer: Callable[[], web.Response] | None = None

    async def serve(self, request: web.Request) -> web.Response:
        """Answer one request for a token."""
        form = await request.post()
        self.asked.append({name: str(value) for name, value in form.items()})
        if self.answer is not None:
            return self.answer()
        encoded = request.headers["authorization"].removeprefix("Basic ")
        name, _, secret = base64.b64decode(encoded).decode().partition(":")
        if self.clients.get(name) != secret:
            return web.json_response({"error": "invalid_client"}, status=401)
        token = {"access_token": self.issuer.token(name, self.life), "token_type": "Bearer"}
        return web.json_response(token | {"expires_in": self.life})


@asynccontextmanager
async def token_server(
    tls: ssl.SSLContext | None = None, issuer: Issuer | None = None
) -> AsyncIterator[TokenServer]:
    """Serve tokens on a free port for the length of the block."""
    server = TokenServer(issuer or Issuer())
    application = web.Application()
    application.router.add_post("/token", server.serve)
    async with serving(application, tls) as url:
        server.url = f"{url}/token"
        yield server


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _number(number: int) -> str:
    return _text(number.to_bytes((number.bit_length() + 7) // 8))


Answer = Callable[[], web.Response]


def json_answer(fields: Any, status: int = 200) -> Answer:
    """Return an answer to put in place of the usual one."""
    return lambda: web.json_response(fields, status=status)
