"""Runs a program for each call: the event on its stdin, the answer on its stdout."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

from .environment import environment
from .head import HEAD_LIMIT, Head, head_from_bytes
from .spawn import Spawner

GRACE = 0.2
"""Seconds from SIGTERM to SIGKILL; the server promises half a second in all."""

PART = 64 * 1024
WHOLE_LIMIT = 100 * 1024 * 1024
"""Bytes of an answer that is held until its program has ended well."""


class ProgramFailed(Exception):
    """The program ended badly, or answered too much; the message says how."""


class Program:
    """A function that runs a program for each call; the README beside it has its contract."""

    def __init__(self, command: tuple[str, ...], entry: str) -> None:
        self._name = os.path.basename(command[-1])
        self._spawner = Spawner((*command, entry))

    async def __call__(
        self, event: dict[str, Any], context: dict[str, Any]
    ) -> tuple[Any, int, list[tuple[str, str]]]:
        """The answer: a body or a stream of parts, a status and headers."""
        try:
            process, head = await self._spawner.start(environment(event, context))
        except OSError as error:
            raise ProgramFailed(f"{self._name} cannot be run: {error.strerror}") from error
        run = Run(self._name, process, head)
        try:
            return await run.answer(event["extensions"]["request"].body)
        except BaseException:
            await run.end()
            raise


class Run:
    """One process, what it reads and says, and everything that it starts."""

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, head: asyncio.StreamReader
    ) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._name = name
        self._process = process
        self._stdin, self._stdout, self._head = process.stdin, process.stdout, head
        self._read: list[bytes] = []
        self._feeding: asyncio.Task[None] | None = None

    async def answer(self, body: bytes) -> tuple[Any, int, list[tuple[str, str]]]:
        """What the program answers; raises ProgramFailed or BadHead."""
        self._feeding = asyncio.create_task(self._feed(body), name="stdin")
        reading = asyncio.create_task(self._read_whole(), name="stdout")
        try:
            head = head_from_bytes(await self._said())
            if not head.streamed:
                await reading
                await self._succeed()
                await self.end()
                return self._whole(head)
        finally:
            reading.cancel()
            await asyncio.wait([reading])
        return self._parts(), head.status, head.headers

    async def _said(self) -> bytes:
        """Everything on descriptor 3, or enough to know that it is too much."""
        said = b""
        while len(said) <= HEAD_LIMIT and (more := await self._head.read(PART)):
            said += more
        return said

    async def end(self) -> None:
        """Ask the process and what it started to end, and a moment later end them."""
        if self._process.returncode is None:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE):
                    await self._process.wait()
        self._signal(signal.SIGKILL)
        await self._process.wait()
        if self._feeding is not None:
            self._feeding.cancel()
            await asyncio.wait([self._feeding])

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    async def _feed(self, body: bytes) -> None:
        """Write the body; a program need not read it."""
        with contextlib.suppress(ConnectionError):
            self._stdin.write(body)
            await self._stdin.drain()
        self._stdin.close()

    async def _read_whole(self) -> None:
        size = 0
        while part := await self._stdout.read(PART):
            self._read.append(part)
            size += len(part)
            if size > WHOLE_LIMIT:
                raise ProgramFailed(
                    f"{self._name} answered more than {WHOLE_LIMIT} bytes: stream them, by "
                    "'Transfer-Encoding: chunked' on descriptor 3, closed before the first part"
                )

    async def _succeed(self) -> None:
        """Wait for the end of the process; raises ProgramFailed unless it is a good one."""
        code = await self._process.wait()
        if code < 0:
            raise ProgramFailed(f"{self._name} was killed by {signal.Signals(-code).name}")
        if code > 0:
            raise ProgramFailed(f"{self._name} exited with code {code}")

    def _whole(self, head: Head) -> tuple[Any, int, list[tuple[str, str]]]:
        body = b"".join(self._read)
        return text_or_bytes(body), head.status, head.headers

    async def _parts(self) -> AsyncIterator[bytes]:
        """What the process prints, as it comes; then its end, which must be a good one."""
        try:
            for part in self._read:
                yield part
            while part := await self._stdout.read(PART):
                yield part
            await self._succeed()
        finally:
            await self.end()


def text_or_bytes(body: bytes) -> str | bytes | None:
    """The body as what gives it the right content type: text is what decodes as UTF-8."""
    if not body:
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body
