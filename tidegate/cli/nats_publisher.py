"""Sends one message to a NATS server. The only place of the command that knows nats-py."""

from __future__ import annotations

import asyncio
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

    last: list[Exception] = []

    async def remember(error: Exception) -> None:
        last[:] = [error]  # "no servers" is all that is raised

    try:
        async with asyncio.timeout(2 * TIMEOUT):
            client = await nats.connect(
                url,
                connect_timeout=TIMEOUT,
                allow_reconnect=False,
                max_reconnect_attempts=1,  # 0 would be without end
                reconnect_time_wait=0,
                error_cb=remember,
            )
    except (OSError, ValueError, TimeoutError, nats.errors.Error) as error:
        cause = last[0] if last else error
        raise _unreachable(url, str(cause) or type(cause).__name__) from error
    try:
        yield client
    finally:
        await client.close()


def _unreachable(url: str, reason: str) -> CommandError:
    place = urlsplit(url)
    where = f"{place.hostname}:{place.port or 4222}" if place.hostname else "that URL"
    sentence = f"NATS at {where}: {reason}; is this the server? Name another one with --url"
    return CommandError(sentence, ExitCode.UNREACHABLE)
