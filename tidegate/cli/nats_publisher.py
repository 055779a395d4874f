"""Sends one message to a NATS server. The only place of the command that knows nats-py."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tidegate.cli.errors import CommandError, ExitCode

TIMEOUT = 5
"""For each of connecting, sending and an answer. Seconds."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent."""

    subject: str
    payload: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


async def publish(url: str, message: Message, *, jetstream: bool) -> tuple[str, int] | None:
    """Send `message`; with `jetstream` return the stream that stored it, and its sequence there.

    Raises `CommandError` when the server cannot be reached or nothing stores the subject.
    """
    async with _connection(url) as client:
        import nats.errors
        import nats.js.errors

        headers = dict(message.headers) or None
        try:
            if jetstream:
                ack = await client.jetstream().publish(
                    message.subject, message.payload, timeout=TIMEOUT, headers=headers
                )
                return ack.stream, ack.seq
            await client.publish(message.subject, message.payload, headers=headers)
            await client.flush(TIMEOUT)
        except nats.js.errors.NoStreamResponseError as error:
            raise CommandError(
                f"no JetStream stream takes the subject {message.subject}; "
                "create one, or publish without --jetstream"
            ) from error
        except nats.errors.BadSubjectError as error:
            raise CommandError(f"{message.subject!r} is no subject", ExitCode.USAGE) from error
        except nats.errors.Error as error:
            raise _unreachable(url, f"publishing failed: {error}") from error
    return None


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator[Any]:
    import nats
    import nats.errors

    async def silent(_: Exception) -> None:
        """The error that matters is raised."""

    try:
        client = await nats.connect(
            url, connect_timeout=TIMEOUT, allow_reconnect=False, error_cb=silent
        )
    except (OSError, ValueError, TimeoutError, nats.errors.Error) as error:
        raise _unreachable(url, str(error) or type(error).__name__) from error
    try:
        yield client
    finally:
        await client.close()


def _unreachable(url: str, reason: str) -> CommandError:
    place = urlsplit(url)
    where = f"{place.hostname}:{place.port or 4222}" if place.hostname else "that URL"
    return CommandError(f"NATS at {where}: {reason}", ExitCode.UNREACHABLE)
