"""How a streamed body travels from the client's connection to whoever reads it, both ways."""

from typing import Protocol

from gateway.http.headers import Headers


class Flow(Protocol):
    """The writing side of a stream, as its reader sees it."""

    def pause(self) -> None:
        """Stop bringing bytes: the reader is congested."""

    def resume(self) -> None:
        """Bring bytes again."""

    def abandon(self) -> None:
        """Nobody reads any more: stop the exchange."""


class BodyStream(Protocol):
    """Takes a final answer as it arrives: start, any number of writes, end.

    `attach` comes first, before anything was sent, and once more when the request is repeated;
    after a failure neither end nor anything else follows. `flush` says that no more bytes are at
    hand for now. What a stream raises fails the request.
    """

    def attach(self, flow: Flow) -> None: ...
    def start(self, status: int, headers: Headers) -> None: ...
    def write(self, chunk: bytes) -> None: ...
    def flush(self) -> None: ...
    def end(self) -> None: ...


class Discard:
    """A BodyStream for callers who need the status and headers only: drains and forgets."""

    __slots__ = ()

    def attach(self, flow: Flow) -> None:
        """Never pauses nor abandons the flow."""

    def start(self, status: int, headers: Headers) -> None:
        """The response carries both."""

    def write(self, chunk: bytes) -> None:
        """Forget it."""

    def flush(self) -> None:
        """Nothing is held back."""

    def end(self) -> None:
        """Nothing to finish."""
