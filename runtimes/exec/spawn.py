"""Starts the program's processes, each tied to the worker and with a pipe for its answer's head."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable

HEAD_DESCRIPTOR = 3
"""Where a program writes the head of its answer; shells can name only one digit."""

PR_SET_PDEATHSIG = 1


class Spawner:
    """Starts processes of one command."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._command = command
        self._tie = tie_to_parent()
        # Python hands its child a pipe of its own, which must not have the number that we promise.
        self._placeholder = os.open(os.devnull, os.O_RDONLY)
        if self._placeholder != HEAD_DESCRIPTOR and not is_open(HEAD_DESCRIPTOR):
            os.dup2(self._placeholder, HEAD_DESCRIPTOR, inheritable=False)

    async def start(
        self, env: dict[str, str]
    ) -> tuple[asyncio.subprocess.Process, asyncio.StreamReader]:
        """A process that leads its own group, and what it will say of its answer.

        Raises OSError.
        """
        own, theirs = os.pipe()
        reader, pipe = await reader_of(own)
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=env,
                pass_fds=(HEAD_DESCRIPTOR,),
                process_group=0,
                preexec_fn=lambda: self._become(theirs),
            )
        except BaseException:
            pipe.close()
            raise
        finally:
            os.close(theirs)
        return process, reader

    def _become(self, theirs: int) -> None:
        """Run in the child, between fork and exec: nothing here may allocate a lock."""
        os.dup2(theirs, HEAD_DESCRIPTOR)
        self._tie()


async def reader_of(descriptor: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    """A stream of what comes from a pipe, and its transport, which closes at its end."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0)
    )
    return reader, transport


def tie_to_parent() -> Callable[[], None]:
    """What lets the kernel end the calling process when its parent ends (Linux)."""
    if sys.platform != "linux":
        return lambda: None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def is_open(descriptor: int) -> bool:
    """Whether the number is in use."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
