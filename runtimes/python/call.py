"""One call on its way through the front, and the port that takes its answer."""

from dataclasses import dataclass
from typing import Protocol


class Reply(Protocol):
    """Where a call's answer goes: the client's connection."""

    def respond(self, status: int, head: bytes, body: bytes) -> None:
        """The whole answer."""

    def start(self, status: int, head: bytes, length: int | None) -> None:
        """The head of an answer whose body follows in chunks."""

    def chunk(self, data: bytes) -> None:
        """A part of the body; `Pool.more` is due when another may come."""

    def finish(self) -> None:
        """The body is whole."""

    def abort(self) -> None:
        """The body will not be whole: close so that the client can tell."""


@dataclass(eq=False, slots=True)
class Call:
    """A request for the function; times are the loop's."""

    id: int
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    peer: str
    received: float
    deadline: float
    unix_deadline: float
    reply: Reply
    streaming: bool = False
    settled: bool = False
    grace_ends: float = 0.0
