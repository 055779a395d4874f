"""The front door's limits."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Times in seconds, sizes in bytes.

    `idle` is longer than any sensible client keeps a connection, so that the client closes first.
    `head_timeout` is for the whole head; `body_timeout` and `write_timeout` are for progress.
    `linger` is how long a refused caller may go on sending before the connection is reset, which
    could take the answer from it.
    """

    max_connections: int = 4096
    max_head: int = 32 * 1024
    max_headers: int = 128
    max_bodies: int = 256 * 1024 * 1024
    idle: float = 75.0
    head_timeout: float = 10.0
    body_timeout: float = 30.0
    write_timeout: float = 30.0
    linger: float = 2.0
    sweep_grain: float = 0.25
    backlog: int = 1024
