"""What every login has in common: texts of a Secret, certificates kept in memory."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Mapping

from gateway.errors import ConfigError


def secret_text(name: str, key: str, value: bytes) -> str:
    """Return the text under `key` of Secret `name`; raise `ConfigError` that says the fix."""
    try:
        text = value.decode().strip()
    except UnicodeDecodeError:
        raise ConfigError(f"secret {name}: key {key!r} is not UTF-8 text; write it anew") from None
    if not text:
        raise ConfigError(f"secret {name}: key {key!r} is empty; fill it or remove it")
    return text


def check_whole(name: str, text: Mapping[str, str], keys: tuple[str, ...]) -> None:
    """Raise `ConfigError` when Secret `name` has some of `keys` that only make sense together."""
    missing = [key for key in keys if key not in text]
    if missing and len(missing) < len(keys):
        present = next(key for key in keys if key in text)
        raise ConfigError(f"secret {name}: has {present!r} but no {missing[0]!r}; add it")


def client_context(ca: str, certificate: str, key: str) -> ssl.SSLContext:
    """Build a client's context from PEM texts, each of which may be empty.

    Raises `ssl.SSLError` or `ValueError` for what is not PEM or does not fit. Reads and writes
    files: call it in a thread.
    """
    context = ssl.create_default_context(cadata=ca or None)
    if certificate:
        # OpenSSL's bindings read a chain from a file only; this one is ours alone and goes at once.
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(f"{certificate}\n{key}\n")
            file.flush()
            context.load_cert_chain(file.name)
    return context
