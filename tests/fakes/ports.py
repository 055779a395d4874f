"""Ports for servers that must know theirs before they start."""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress

_LOWEST, _COUNT = 10_000, 22_000
"""Below those that outgoing connections get."""


def free_port() -> int:
    """Return a port that nobody listens on now.

    A server may bind it half a minute later. One that the system gives out would often be taken
    by then, and several processes of tests would be given the same.
    """
    while True:
        port = _LOWEST + secrets.randbelow(_COUNT)
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port
