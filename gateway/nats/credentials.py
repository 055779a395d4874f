"""Who we are to a NATS server, from the Secret that a trigger names."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, fields

from gateway.credentials import check_whole, client_context, secret_text
from gateway.errors import ConfigError

_METHODS = (("token",), ("user", "password"), ("nkey",), ("creds",))
_SEED = re.compile(r"SU[A-Z2-7]{56}")
_CREDS_PARTS = ("BEGIN NATS USER JWT", "BEGIN USER NKEY SEED")
_TLS_KEYS = ("ca.crt", "tls.crt", "tls.key")


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What a Secret says: one way to log in at most, and material for TLS. Never printed."""

    token: str = ""
    user: str = ""
    password: str = ""
    nkey: str = ""
    creds: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""

    def __repr__(self) -> str:
        held = [one.name for one in fields(self) if getattr(self, one.name)]
        return f"Credentials(holds={held})"

    @property
    def log_in(self) -> bool:
        """Whether there is a way to log in beside a client certificate."""
        return bool(self.token or self.user or self.nkey or self.creds)


def credentials_from_secret(name: str, content: Mapping[str, bytes]) -> Credentials:
    """Check and convert the content of Secret `name`; raise `ConfigError` that says the fix."""
    text = {key: secret_text(name, key, content[key]) for key in _known(content)}
    methods = [keys for keys in _METHODS if any(key in text for key in keys)]
    if len(methods) > 1:
        both = " and ".join("+".join(keys) for keys in methods)
        raise ConfigError(f"secret {name}: holds {both}; keep one way to log in")
    for pair in (*methods, _TLS_KEYS[1:]):
        check_whole(name, text, pair)
    if not text:
        ways = ", ".join("+".join(keys) for keys in _METHODS)
        raise ConfigError(f"secret {name}: holds none of {ways}, ca.crt or tls.crt+tls.key")
    _check_form(name, text)
    login = {key: text[key] for keys in methods for key in keys}
    ca, certificate, key = (text.get(each, "") for each in _TLS_KEYS)
    return Credentials(**login, ca=ca, certificate=certificate, key=key)


def tls_context(name: str, credentials: Credentials) -> ssl.SSLContext:
    """Build the context for a TLS connection. Reads and writes files: call it in a thread."""
    try:
        return client_context(credentials.ca, credentials.certificate, credentials.key)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(
            f"secret {name}: ca.crt, tls.crt or tls.key is not a valid PEM file or the key does"
            f" not fit the certificate: {getattr(error, 'reason', None) or 'cannot be read'}"
        ) from error


def _known(content: Mapping[str, bytes]) -> list[str]:
    names = {key for keys in _METHODS for key in keys} | set(_TLS_KEYS)
    return sorted(key for key in content if key in names)


def _check_form(name: str, text: Mapping[str, str]) -> None:
    # The client reads a creds text without its markers in an endless loop.
    if "nkey" in text and not _SEED.fullmatch(text["nkey"]):
        raise ConfigError(f"secret {name}: key 'nkey' is no user seed; it starts with SU")
    if "creds" in text and not all(part in text["creds"] for part in _CREDS_PARTS):
        raise ConfigError(
            f"secret {name}: key 'creds' lacks the JWT or the seed; store the whole .creds file"
        )
