"""Operator, account and user of decentralised authentication, made on the spot (NATS ADR-14)."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from typing import Any

import nkeys

_LIMITS = "subs data payload conn leaf imports exports mem_storage disk_storage streams consumer"
_UNLIMITED = dict.fromkeys(_LIMITS.split(), -1)


def new_seed(prefix: int = nkeys.PREFIX_BYTE_USER) -> bytes:
    """Return a random seed."""
    return bytes(nkeys.encode_seed(os.urandom(32), prefix))


def public_key(seed: bytes) -> str:
    """Return the public key of a seed."""
    return nkeys.from_seed(bytearray(seed)).public_key.decode()


def operator_config_and_creds() -> tuple[str, str]:
    """Return a server's configuration and the creds text of a user that it knows."""
    operator = new_seed(nkeys.PREFIX_BYTE_OPERATOR)
    account = new_seed(nkeys.PREFIX_BYTE_ACCOUNT)
    user = new_seed()
    root = _token(operator, public_key(operator), {"type": "operator"})
    limits = {"limits": {**_UNLIMITED, "wildcards": True}}
    middle = _token(operator, public_key(account), {"type": "account", **limits})
    leaf = _token(account, public_key(user), {"type": "user", **_UNLIMITED})
    config = (
        f"operator: {root}\nresolver: MEMORY\n"
        f"resolver_preload: {{ {public_key(account)}: {middle} }}\n"
    )
    creds = (
        f"-----BEGIN NATS USER JWT-----\n{leaf}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.decode()}\n------END USER NKEY SEED------\n"
    )
    return config, creds


def _token(issuer: bytes, subject: str, claims: dict[str, Any]) -> str:
    body: dict[str, Any] = {
        "iat": int(time.time()),
        "iss": public_key(issuer),
        "name": "test",
        "sub": subject,
        "nats": {**claims, "version": 2},
    }
    digest = hashlib.sha256(json.dumps(body).encode()).digest()
    body["jti"] = base64.b32encode(digest).decode().rstrip("=")
    signed = f"{_encoded({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{_encoded(body)}"
    signature = nkeys.from_seed(bytearray(issuer)).sign(signed.encode())
    return f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def _encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
