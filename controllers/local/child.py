"""One child process: started without a shell, read for as long as it lives, never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from controllers.local.logs import Lines
from controllers.local.settings import LogSettings

LAUNCH = str(Path(__file__).with_name("launch.py"))

FLUSH_INTERVAL = 1.0
"""Between two notes about dropped lines."""

MACHINE_VARIABLES = (
    "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip
"""What a program needs to know of the machine; the rest of our environment is not its business."""

Print = Callable[[str, str], None]
"""(stream, line)"""


def machine_env(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the part of the environment that every child gets."""
    environment = os.environ if environment is None else environment
    return {name: environment[name] for name in MACHINE_VARIABLES if name in environment}


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run: absolute path first, and the whole environment it gets."""

    arguments: tuple[str, ...]
    env: Mapping[str, str]
    folder: Path
    can_be_warm: bool = False
    """Whether another run of `arguments` can become this one (runtimes/contract.md, Warm start)."""


class Child:
    """A running process in a session of its own: Ctrl-C in the terminal is not for it.

    It dies with this process (see launch.py). Its whole process group is killed when it is over.
    """

    def __init__(self, process: asyncio.subprocess.Process, outputs: list[Output]) -> None:
        self._process = process
        self._outputs = outputs
        self._exit = asyncio.create_task(process.wait(), name=f"exit of process {process.pid}")

    @classmethod
    async def start(
        cls, command: Command, settings: LogSettings, show: Print, *, listens: bool = False
    ) -> Child:
        """Start `command`, its output going to `show` line by line; raises OSError.

        One that `listens` has a stdin for `tell`.
        """
        outputs = [Output(name, settings, show) for name in ("stdout", "stderr")]
        try:
            for output in outputs:
                await output.open()
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", LAUNCH, str(os.getpid()), *command.arguments,
                stdin=asyncio.subprocess.PIPE if listens else asyncio.subprocess.DEVNULL,
                stdout=outputs[0].write_end,
                stderr=outputs[1].write_end,
                cwd=command.folder,
                env=dict(command.env),
                start_new_session=True,
            )  # fmt: skip
        except BaseException:
            for output in outputs:
                output.close()
            raise
        finally:
            for output in outputs:
                output.release_write_end()
        return cls(process, outputs)

    def tell(self, line: str, show: Print) -> None:
        """Write one line to stdin, which ends with it; further output goes to `show`."""
        for output in self._outputs:
            output.show = show
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(line.encode() + b"\n")
        stdin.close()

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Tell whether the process has not exited yet."""
        return not self._exit.done()

    @property
    def code(self) -> int | None:
        """Return the exit code, negative for a signal, or None while it runs."""
        return self._exit.result() if self._exit.done() else None

    async def exited_within(self, timeout: float) -> bool:
        """Wait for the exit, at most `timeout`, and tell whether it came."""
        done, _ = await asyncio.wait({self._exit}, timeout=timeout)
        return bool(done)

    async def closed(self) -> None:
        """Wait until everything was read that an exited process wrote, for a second at most."""
        await asyncio.wait([output.ended for output in self._outputs], timeout=1.0)

    def last_words(self) -> str:
        """Return the last line on stderr, which by the runtimes' contract says why."""
        return self._outputs[1].last

    async def stop(self, grace: float, timeout: float) -> None:
        """Wait `grace`, ask for an end, wait for it up to `timeout`, then kill.

        Cancelled, it kills at once.
        """
        try:
            if not await self.exited_within(grace):
                with suppress(ProcessLookupError):  # it may have exited in this very step
                    self._process.terminate()
                await self.exited_within(timeout)
        finally:
            await self.kill()

    async def kill(self) -> None:
        """Kill whatever is left of the process group and let go of the pipes."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        try:
            await asyncio.wait({self._exit})
            await self.closed()
        finally:
            for output in self._outputs:
                output.close()


class Output(asyncio.Protocol):
    """One output stream of a child, read as fast as it is written and bounded by `Lines`."""

    def __init__(self, name: str, settings: LogSettings, show: Print) -> None:
        self._loop = asyncio.get_running_loop()
        self.show = show
        self._lines = Lines(settings, lambda text: self.show(name, text))
        self._transport: asyncio.ReadTransport | None = None
        self._note: asyncio.TimerHandle | None = None
        self.write_end = -1
        self.ended: asyncio.Future[None] = self._loop.create_future()

    @property
    def last(self) -> str:
        """Return the last line that was not blank."""
        return self._lines.last

    async def open(self) -> None:
        """Make the pipe and begin to read it."""
        read_end, self.write_end = os.pipe()
        self._transport, _ = await self._loop.connect_read_pipe(
            lambda: self, os.fdopen(read_end, "rb", 0)
        )

    def release_write_end(self) -> None:
        """Close our copy of the child's end: then the stream ends when the child's copies do."""
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1

    def close(self) -> None:
        """Stop reading."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Take a chunk, and see to it that a note about dropped lines follows."""
        self._lines.feed(data)
        if self._lines.dropping and self._note is None:
            self._note = self._loop.call_later(FLUSH_INTERVAL, self._flush)

    def connection_lost(self, exc: Exception | None) -> None:
        """Finish the last line."""
        if self._note is not None:
            self._note.cancel()
        self._lines.finish()
        if not self.ended.done():
            self.ended.set_result(None)

    def _flush(self) -> None:
        self._note = None
        self._lines.flush()


def exit_sentence(code: int | None, last_words: str) -> str:
    """Say how a process ended: by which signal or code, and its own last words."""
    if code is not None and code < 0:
        return f"the process was ended by {_signal_name(-code)}"
    return f"the process exited with code {code}" + (f": {last_words}" if last_words else "")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
