"""What the front door's connections stand between: the application, and the server's accounts."""

from typing import Protocol

from gateway.http.request import Answer, Request
from gateway.http.settings import ServerSettings
from gateway.http.sweep import Sweep


class Application(Protocol):
    """What the front door serves."""

    def limit_for(self, request: Request) -> int | Answer:
        """Called when the head is complete: the largest body to take, in bytes, or an answer.

        Must not answer by itself; may leave something in `request.context`.
        """

    def serve(self, request: Request) -> None:
        """Called when the body is complete too. Must not block or raise; answers when it can."""


class OpenConnection(Protocol):
    """A caller's connection, as its server sees it."""

    deadline: float

    @property
    def idle(self) -> bool:
        """Between two requests, with nothing of the next one read."""

    def close(self) -> None:
        """Close once everything written has been sent."""

    def abort(self) -> None:
        """Close at once."""

    def expire(self) -> None:
        """The deadline passed."""


class ConnectionServer(Protocol):
    """What a connection needs from its server."""

    application: Application
    settings: ServerSettings
    sweep: Sweep
    buffer: memoryview
    draining: bool

    def opened(self, connection: "OpenConnection") -> bool:
        """Whether there is room for it."""

    def lost(self, connection: "OpenConnection") -> None:
        """Forget it."""

    def reserve(self, size: int) -> bool:
        """Account for bytes of bodies held in memory (negative: given back)."""

    def date_line(self) -> bytes:
        """The Date header line of this second."""
