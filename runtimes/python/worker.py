"""One worker: a process that runs the function and nothing else of the server.

An ordinary function runs in the main thread, one call at a time, so that a signal can stop it
anywhere in Python code and in every interruptible system call, with its `finally` blocks run and
the module's state kept. What no signal stops, the front kills; it owns the connections.
"""

import fcntl
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from . import channel, warm
from .answer import Answer, answer_from_result, encode_part, is_response
from .event import BadData, context_of, event_from_request
from .load import Function, Loader, LoadError, is_concurrent, load, write_traceback
from .replies import WHOLE_LIMIT, bad_data, chunks, failed, interrupted, leave_if_forked
from .settings import LOAD_FAILED, Settings, settings_from_env

_END = object()


class Interrupted(BaseException):
    """The call's time is over: raised inside the function, beyond `except Exception`."""


def main(arguments: list[str], load: Loader = load) -> int:
    """Load the function, say so, and answer calls until the front closes the channel."""
    own_end = socket.socket(fileno=int(arguments[0]))
    end_with(int(arguments[1]))
    if warm.is_asked_for() and not wait_for_orders():
        return 0
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # it is a TextIOWrapper
    settings = settings_from_env()
    try:
        function = load(settings.folder, settings.module, settings.handler)
    except LoadError as error:
        own_end.sendall(channel.encode((channel.FAILED, str(error))))
        return LOAD_FAILED
    if is_concurrent(function):
        from .concurrent import serve  # brings asyncio, which only async functions need

        serve(own_end, function, settings)
    else:
        SerialWorker(own_end, function, settings).run()
    return 0


def wait_for_orders() -> bool:
    """Load what any function may need, then wait to be told which it is; whether it was told."""
    from . import concurrent  # noqa: F401  # an async function needs it

    line = warm.orders()
    if line:
        warm.become(line)
    return bool(line)


def end_with(lifeline: int) -> None:
    """Let the kernel end this process when the front is gone, whatever the function does.

    The front holds the pipe's other end; its closing raises SIGIO, which ends the process.
    """
    if sys.platform == "linux":
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)


class SerialWorker:
    """Runs an ordinary function, one call at a time."""

    def __init__(self, own_end: socket.socket, function: Function, settings: Settings) -> None:
        self._socket = own_end
        self._function = function
        self._title = settings.title
        self._context = context_of(settings)
        self._decoder = channel.Decoder()
        self._inbox: deque[channel.Message] = deque()
        self._pid = os.getpid()
        self._interruptible = False
        self._cancelled = False

    def run(self) -> None:
        """Answer calls until the channel closes."""
        signal.signal(channel.INTERRUPT, self._interrupt)
        self._send((channel.READY, False))
        while (message := self._receive()) is not None:
            if message[0] == channel.CALL:
                self._cancelled = False
                self._call(message)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self._cancelled = True
        if self._interruptible:
            self._interruptible = False
            raise Interrupted

    def _call(self, message: channel.Message) -> None:
        call_id, deadline = message[1], message[7]
        try:
            event = event_from_request(*message[2:7])
        except BadData as error:
            self._send(bad_data(call_id, error))
            return
        try:
            answer = self._answer(event, {**self._context, "deadline": deadline})
        except Interrupted:
            self._send(interrupted(call_id))
            return
        except BaseException as error:
            leave_if_forked(self._pid)
            self._send(failed(call_id, self._title, event, error))
            return
        leave_if_forked(self._pid)
        self._reply(call_id, event, answer)

    def _answer(self, event: dict[str, Any], context: dict[str, Any]) -> Answer:
        response = event["extensions"]["response"]
        try:
            result = self._guarded(self._function, event, context)
        except Exception as raised:
            if not is_response(raised):
                raise
            result = raised
        return answer_from_result(result, response)

    def _guarded(self, step: Callable[..., Any], *arguments: Any) -> Any:
        """The step's result; the only place where an interrupt is raised.

        Elsewhere it would tear a message in two.
        """
        try:
            self._interruptible = True
            if self._cancelled:
                raise Interrupted
            return step(*arguments)
        finally:
            self._interruptible = False

    def _reply(self, call_id: int, event: dict[str, Any], answer: Answer) -> None:
        if answer.stream is None and len(answer.body) <= WHOLE_LIMIT:
            self._send((channel.ANSWER, call_id, answer.status, answer.head, answer.body, False))
            return
        started = False
        try:
            for message in self._stream(call_id, answer):
                self._send(message)
                started = True
        except Interrupted:
            self._send((channel.END, call_id, True) if started else interrupted(call_id))
        except BaseException as error:
            last = failed(call_id, self._title, event, error)
            self._send((channel.END, call_id, True) if started else last)
        else:
            self._send((channel.END, call_id, False))
        finally:
            if hasattr(answer.stream, "close"):
                self._close(answer.stream)

    def _stream(self, call_id: int, answer: Answer) -> Iterator[channel.Message]:
        """The messages of an answer in parts; the head once the first part is there."""
        parts = iter((answer.body,)) if answer.stream is None else answer.stream
        length = len(answer.body) if answer.stream is None else None
        part = self._guarded(next, parts, _END)
        yield channel.HEAD, call_id, answer.status, answer.head, length
        credit = channel.WINDOW
        while part is not _END:
            for chunk in chunks(encode_part(part)):
                if not credit:
                    credit = self._await_credit()
                credit -= 1
                yield channel.CHUNK, call_id, chunk
            part = self._guarded(next, parts, _END)

    def _await_credit(self) -> int:
        message = self._receive()
        if message is None or message[0] != channel.MORE or self._cancelled:
            raise Interrupted
        return 1

    def _close(self, stream: Any) -> None:
        """Run the generator's `finally` blocks; their failure is logged, the answer has gone."""
        try:
            stream.close()
        except BaseException as error:
            write_traceback(error)

    def _send(self, message: channel.Message) -> None:
        self._socket.sendall(channel.encode(message))

    def _receive(self) -> channel.Message | None:
        """The next message; None when the front has closed the channel."""
        while not self._inbox:
            data = self._socket.recv(256 * 1024)
            if not data:
                return None
            self._inbox.extend(self._decoder.feed(data))
        return self._inbox.popleft()
