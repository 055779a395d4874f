"""Starts, interrupts and ends worker processes."""

import contextlib
import os
import signal
import socket
import subprocess
import sys

from .channel import INTERRUPT

SCRIPT = os.path.abspath(sys.argv[0])
"""The server itself: its workers are other runs of it."""


class WorkerProcess:
    """A worker's process, the front's end of its channel, and its life line.

    A fresh interpreter instead of a fork: what the function's modules start at import (threads,
    connections) does not survive a fork, and the front's descriptors stay its own.
    """

    def __init__(self, is_warm: bool = False) -> None:
        """Start one; a warm one loads itself and waits to be told its function."""
        self.socket, child_end = socket.socketpair()
        lifeline, self._lifeline = os.pipe()
        command = [sys.executable, SCRIPT, "--worker", str(child_end.fileno()), str(lifeline)]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if is_warm else subprocess.DEVNULL,
                pass_fds=(child_end.fileno(), lifeline),
                start_new_session=True,  # what the function starts is killed with it
            )
        finally:
            child_end.close()
            os.close(lifeline)

    def tell(self, line: str) -> None:
        """Tell a warm worker what to become; if it has ended, its end tells why."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as stdin:
            stdin.write(line.encode())

    @property
    def pid(self) -> int:
        """The process id, for messages."""
        return self._process.pid

    def interrupt(self) -> None:
        """Stop the call that the worker runs; the worker lives on."""
        self._process.send_signal(INTERRUPT)

    def kill(self) -> None:
        """End the worker and every process that it started, at once."""
        if self._process.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)

    def has_ended(self) -> bool:
        """Whether the process has ended; it is not freed yet."""
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._process.pid, flags) is not None

    def bury(self) -> None:
        """End what an ended process left behind, and free it."""
        self.kill()
        self._process.wait()
        self.socket.close()
        os.close(self._lifeline)

    @property
    def ending(self) -> str:
        """How the process ended, in words."""
        code = self._process.returncode
        if code is not None and code < 0:
            return f"killed by signal {-code} ({signal.Signals(-code).name})"
        return f"exited with code {code}"
