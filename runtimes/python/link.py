"""The front's end of one worker: its channel, its calls, its life."""

import asyncio
from collections.abc import Callable

from . import channel
from .call import Call
from .process import WorkerProcess

GRACE = 0.25
"""How long an interrupted call may take to unwind before its worker is killed."""

STOP_GRACE = 1.0
"""How long an idle worker may take to exit (its `atexit` code) before it is killed."""


class WorkerLink:
    """One worker as the pool sees it; `on_message` gets what the worker says."""

    def __init__(
        self,
        process: WorkerProcess,
        loop: asyncio.AbstractEventLoop,
        on_message: Callable[["WorkerLink", channel.Message], None],
    ) -> None:
        self.process = process
        self.calls: dict[int, Call] = {}
        self.ready = False
        self.retiring = False
        self.kill_at: float | None = None
        self.idle_since = loop.time()
        self._loop = loop
        self._on_message = on_message
        self._decoder = channel.Decoder()
        self._unsent = bytearray()
        self._socket = process.socket
        self._socket.setblocking(False)
        self._open = True
        loop.add_reader(self._socket, self._read)

    def begin(self, call: Call) -> None:
        """Hand a call to the worker."""
        self.calls[call.id] = call
        self._send((
            channel.CALL, call.id, call.method, call.target, call.headers, call.body, call.peer,
            call.unix_deadline,
        ))  # fmt: skip
        call.body = b""

    def more(self, call: Call) -> None:
        """Let the worker send one more chunk."""
        self._send((channel.MORE, call.id))

    def interrupt(self, call: Call, *, by_signal: bool) -> None:
        """Stop a call; the worker is killed when it has not ended after the grace."""
        call.grace_ends = self._loop.time() + GRACE
        self._send((channel.CANCEL, call.id))
        if by_signal and self._open:
            self.process.interrupt()

    def retire(self, kill_at: float) -> None:
        """Take no more calls; the worker is killed at kill_at, or earlier when none is left."""
        self.ready = False
        self.retiring = True
        self.kill_at = kill_at

    def stop(self) -> None:
        """Let an idle worker exit by itself."""
        self.retire(self._loop.time() + STOP_GRACE)
        self.detach()
        self._socket.close()

    def overdue(self, now: float) -> bool:
        """Whether a call has outlived its interruption."""
        return any(call.settled and now >= call.grace_ends for call in self.calls.values())

    def in_use(self) -> bool:
        """Whether a call is running whose answer is still wanted."""
        return any(not call.settled for call in self.calls.values())

    def detach(self) -> None:
        """Listen no more."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)

    def hear_out(self) -> None:
        """Take what an ended worker has said and nobody has read, then listen no more."""
        while self._open and self._read():
            pass
        self.detach()

    def _read(self) -> bool:
        """Take what is there; whether there was any."""
        try:
            data = self._socket.recv(256 * 1024)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self.detach()  # the process has ended or is about to: it is reaped
            return False
        for message in self._decoder.feed(data):
            self._on_message(self, message)
        return True

    def _send(self, message: channel.Message) -> None:
        if not self._open:
            return
        data = channel.encode(message)
        if self._unsent:
            self._unsent += data
            return
        sent = self._write(data)
        if sent < len(data) and self._open:
            self._unsent += memoryview(data)[sent:]
            self._loop.add_writer(self._socket, self._flush)

    def _flush(self) -> None:
        del self._unsent[: self._write(self._unsent)]
        if not self._unsent and self._open:
            self._loop.remove_writer(self._socket)

    def _write(self, data: bytes | bytearray) -> int:
        """Bytes that the socket took; a broken channel is left to the reaper."""
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.detach()
            return len(data)
