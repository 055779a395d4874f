"""Dead letters in a JetStream stream."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from email.parser import HeaderParser
from typing import NamedTuple

from gateway.context import Context
from gateway.core.dead_letter import Letter, letter_from_event
from gateway.errors import ConfigError, SinkUnavailable, SourceUnavailable
from gateway.letters.store import Stored
from gateway.nats.api import ApiError, JetStreamApi, Object
from gateway.nats.binary import event_from_binary
from gateway.nats.connection import Server
from gateway.nats.login import borrow, server_of
from tidegate.api.subscription import Subscription

DEADLINE = 5.0
"""For one answer of the server. Seconds."""

_NO_MESSAGE = 10037
_NOT_DELETED = 10057
_GONE = frozenset({"no message found", "stream store EOF"})


class Place(NamedTuple):
    """Where a message stands."""

    stream: str
    sequence: int


class StreamLetters:
    """The letters that a subject leads to, whichever streams take it."""

    def __init__(self, subject: str, server: Server, context: Context) -> None:
        self.name = f"NATS {subject}"
        self._subject = subject
        self._server = server
        self._context = context
        self._stack = AsyncExitStack()
        self._api: JetStreamApi | None = None

    async def letters(self) -> AsyncGenerator[Stored, None]:
        """See `LetterStore.letters`."""
        for stream in await self._streams():
            sequence = 0
            while (message := await self._message_after(stream, sequence)) is not None:
                sequence = int(message["seq"])
                letter = letter_from_message(message)
                if letter is not None:
                    yield Stored(letter, Place(stream, sequence))

    async def remove(self, letters: Sequence[Stored]) -> None:
        """See `LetterStore.remove`."""
        for stored in letters:
            assert isinstance(stored.place, Place)
            stream, sequence = stored.place
            body = {"seq": sequence, "no_erase": True}
            await self._ask(f"STREAM.MSG.DELETE.{stream}", body)

    async def erase(self) -> str:
        """See `LetterStore.erase`: what is removed is gone."""
        return ""

    async def aclose(self) -> None:
        """Let go of the connection."""
        self._api = None
        await self._stack.aclose()

    async def _streams(self) -> list[str]:
        answer = await self._ask("STREAM.NAMES", {"subject": self._subject})
        return list((answer or {}).get("streams") or ())

    async def _message_after(self, stream: str, sequence: int) -> Object | None:
        body = {"seq": sequence + 1, "next_by_subj": self._subject}
        answer = await self._ask(f"STREAM.MSG.GET.{stream}", body)
        return None if answer is None else answer["message"]

    async def _ask(self, verb: str, body: Object) -> Object | None:
        """Return the server's answer; None where it has no such message."""
        try:
            return await (self._api or await self._open()).request(verb, body)
        except ApiError as error:
            if _says_gone(error):
                return None
            raise SinkUnavailable(
                f"dead letters in {self.name}: the server says: {error}"
            ) from error
        except (ConfigError, SourceUnavailable) as error:
            raise SinkUnavailable(str(error)) from error

    async def _open(self) -> JetStreamApi:
        connection = await self._stack.enter_async_context(borrow(self._server, self._context))
        self._api = JetStreamApi(connection.client, f"dead letters in {self.name}", None, DEADLINE)
        return self._api


def _says_gone(error: ApiError) -> bool:
    """Tell a message that is not there from a stream that lets nobody delete."""
    return error.code == _NO_MESSAGE or (error.code == _NOT_DELETED and str(error) in _GONE)


def place_of(subscription: Subscription, context: Context) -> tuple[str, Server]:
    """Return the subject that the subscription's `deadLetter` names, and the server."""
    target = subscription.policy.dead_letter
    assert target is not None
    return target.target, server_of(subscription, context)


@asynccontextmanager
async def opened(subscription: Subscription, context: Context) -> AsyncIterator[StreamLetters]:
    """Read what the subscription has published. Raises `SinkUnavailable` where that cannot be."""
    try:
        subject, server = place_of(subscription, context)
    except ConfigError as error:
        raise SinkUnavailable(str(error)) from error
    async with aclosing(StreamLetters(subject, server, context)) as letters:
        yield letters


def letter_from_message(message: Object) -> Letter | None:
    """Read a message as the API returns it; None for what is no dead letter."""
    head = base64.b64decode(message.get("hdrs") or b"").decode("latin-1")
    _, _, lines = head.partition("\r\n")
    try:
        headers = dict(HeaderParser().parsestr(lines).items())
        return letter_from_event(
            event_from_binary(headers, base64.b64decode(message.get("data") or b""))
        )
    except ValueError:
        return None
