"""One caller's connection to the front door: requests in, answers out, in order."""

import asyncio
from collections import deque
from typing import cast

from gateway.http.front import ConnectionServer
from gateway.http.request import Request, plain_answer
from gateway.http.request_reader import RequestReader
from gateway.http.sweep import FOREVER

_LINGER_BYTES = 1024 * 1024
# Requests read ahead of the one that is being answered.
_PIPELINED = 2


class ServerConnection(asyncio.BufferedProtocol):
    """Answers the requests that its reader finds one at a time, in order, and keeps the time.

    A caller that closes its side while an answer is pending counts as gone.
    """

    __slots__ = (
        "_advancing",
        "_congested",
        "_dropped",
        "_lingering",
        "_paused",
        "_queue",
        "_reader",
        "_server",
        "_transport",
        "deadline",
        "peer",
    )

    def __init__(self, server: ConnectionServer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        # Requests whose head has arrived, in order; the first one is being answered.
        self._queue: deque[Request] = deque()
        self._reader = RequestReader(server, self, self._queue)
        self._dropped = 0  # bytes that came after the last request to be read
        self._lingering = False
        self._congested = False
        self._paused = False
        self._advancing = False
        self.deadline = FOREVER
        self.peer = ""

    @property
    def idle(self) -> bool:
        """Between two requests, with nothing of the next one read."""
        return not self._queue and not self._reader.begun and not self._lingering

    def close(self) -> None:
        """Close once everything written has been sent."""
        if self._transport is not None:
            self._transport.close()

    def expire(self) -> None:
        """The deadline passed: say so when the caller is sending, else close."""
        self.deadline = FOREVER
        if self._lingering or self._congested:
            self.abort()
        elif self._reader.begun:
            self._reader.refuse(plain_answer(408, "The request did not arrive in time."))
            self._advance()
        else:
            self.close()

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def keeps_alive(self, request: Request) -> bool:
        return request.keep_alive and not self._server.draining

    def date_line(self) -> bytes:
        return self._server.date_line()

    def finished(self, request: Request) -> None:
        self._queue.popleft()
        self._reader.answered(request)
        if not self.keeps_alive(request):
            self._finish()
            return
        if self._paused and len(self._queue) < _PIPELINED:
            self._paused = False
            self._resume()
        if not self._advancing:
            self._advance()
            self._watch()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peername = transport.get_extra_info("peername")
        self.peer = str(peername[0]) if isinstance(peername, tuple) else ""
        if self._server.opened(self):
            self._watch()
            return
        self._reader.refuse(plain_answer(503, "Too many connections; try again soon."))
        self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._reader.close()
        waiting = list(self._queue)
        self._queue.clear()
        for request in waiting:
            request.lost()
        self._server.lost(self)

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._congested = True
        if self._queue:
            self._queue[0].congested()
        self._watch()

    def resume_writing(self) -> None:
        self._congested = False
        if self._queue:
            self._queue[0].drained()
        self._advance()
        self._watch()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._server.buffer

    def buffer_updated(self, nbytes: int) -> None:
        reader = self._reader
        if reader.over:
            self._drop(nbytes)
            return
        in_head = reader.begun and reader.current is None
        reader.feed(self._server.buffer[:nbytes])
        self._advance()
        if not (in_head and reader.begun and reader.current is None):
            self._watch()  # a head's time runs from its first byte

    def _advance(self) -> None:
        """Serve the next request when its turn has come."""
        if self._advancing:
            return
        self._advancing = True
        queue, reader = self._queue, self._reader
        try:
            while queue and queue[0].complete and not self._congested:
                request = queue[0]
                if request.served:
                    break
                request.served = True
                self._serve(request)
        finally:
            self._advancing = False
        if reader.expects and queue and queue[0] is reader.current:
            reader.expects = False
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if len(queue) > _PIPELINED and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _serve(self, request: Request) -> None:
        answer = request.refusal
        if answer is not None:
            request.respond(answer.status, answer.headers, answer.body)
        else:
            self._server.application.serve(request)

    def _finish(self) -> None:
        """The last answer is written: end the connection so that the caller can read it."""
        unread = self._reader.cut or self._reader.current is not None
        self._reader.stop()
        self._queue.clear()
        if self._transport is None:
            return
        if not unread:
            self._transport.close()
            return
        # A reset would take the answer from a caller that is still sending.
        self._lingering = True
        self._dropped = 0
        self._resume()
        self._transport.write_eof()
        self._watch()

    def _resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _drop(self, nbytes: int) -> None:
        self._dropped += nbytes
        if self._dropped > _LINGER_BYTES:
            self.abort()

    def _watch(self) -> None:
        """Set the deadline of what we wait for; while an answer is pending, there is none."""
        settings, reader = self._server.settings, self._reader
        if self._lingering:
            wait = settings.linger
        elif self._congested:
            wait = settings.write_timeout
        elif self._queue and self._queue[0].complete:
            self.deadline = FOREVER
            return
        elif reader.current is not None:
            wait = settings.body_timeout
        elif reader.begun:
            wait = settings.head_timeout
        else:
            wait = settings.idle
        self.deadline = asyncio.get_running_loop().time() + wait
        if self.deadline < self._server.sweep.next:
            self._server.sweep.watch(self.deadline)
