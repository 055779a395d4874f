"""How to reach an API server, and as whom."""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tidegate.kube.errors import AccessError

_KEPT = 60.0
"""How long a token is used before its file is read again; the kubelet renews it well ahead."""


class Tokens(Protocol):
    """Where the bearer token comes from."""

    async def token(self, *, refused: str = "") -> str:
        """Return a token; not from memory when the server `refused` the one in memory.

        Raises `AccessError` when there is none to be had.
        """
        ...


@dataclass(frozen=True, slots=True)
class StaticToken:
    """A token that never changes."""

    text: str = field(repr=False)

    async def token(self, *, refused: str = "") -> str:
        """Return it."""
        return self.text


class FileToken:
    """A token that something renews in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._text = ""
        self._read_at = 0.0

    async def token(self, *, refused: str = "") -> str:
        """Return what the file says, or said within the last minute."""
        old = time.monotonic() - self._read_at > _KEPT
        if old or not self._text or self._text == refused:
            self._text = await asyncio.to_thread(self._read)
            self._read_at = time.monotonic()
        return self._text

    def _read(self) -> str:
        try:
            text = self._path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise AccessError(f"reading the token in {self._path}: {error}") from error
        if not text:
            raise AccessError(f"reading the token in {self._path}: the file is empty")
        return text


@dataclass(frozen=True, slots=True)
class Access:
    """A server, whom to trust there, and who we are. `namespace` is where we live."""

    server: str
    namespace: str = "default"
    tls: ssl.SSLContext | None = None
    tokens: Tokens | None = None
    server_name: str | None = None
    """What the server's certificate is for, where that is not the host in `server`."""

    proxy: str | None = None
