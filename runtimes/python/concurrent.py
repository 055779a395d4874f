"""A worker of an async function: many calls share one event loop."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

from . import channel
from .answer import Answer, answer_from_result, encode_part, is_response
from .event import BadData, context_of, event_from_request
from .load import Function, write_traceback
from .replies import WHOLE_LIMIT, bad_data, chunks, failed, interrupted, leave_if_forked
from .settings import Settings

_END = object()


def serve(own_end: socket.socket, function: Function, settings: Settings) -> None:
    """Answer calls until the front closes the channel."""
    asyncio.run(run(own_end, function, settings))


async def run(own_end: socket.socket, function: Function, settings: Settings) -> None:
    """The worker's main task."""
    loop = asyncio.get_running_loop()
    own_end.setblocking(False)
    _, worker = await loop.create_connection(
        lambda: ConcurrentWorker(function, settings), sock=own_end
    )
    await worker.closed.wait()


class ConcurrentWorker(asyncio.Protocol):
    """The worker's end of the channel: a task per call."""

    def __init__(self, function: Function, settings: Settings) -> None:
        self.closed = asyncio.Event()
        self._function = function
        self._title = settings.title
        self._context = context_of(settings)
        self._decoder = channel.Decoder()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._credits: dict[int, asyncio.Semaphore] = {}
        self._pid = os.getpid()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send((channel.READY, True))

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set()

    def data_received(self, data: bytes) -> None:
        for message in self._decoder.feed(data):
            self._take(message)

    def _take(self, message: channel.Message) -> None:
        kind, call_id = message[0], message[1]
        if kind == channel.CALL:
            task = asyncio.get_running_loop().create_task(self._call(message), name="call")
            self._tasks[call_id] = task
            task.add_done_callback(lambda _: self._tasks.pop(call_id, None))
        elif kind == channel.CANCEL and call_id in self._tasks:
            self._tasks[call_id].cancel()
        elif kind == channel.MORE and call_id in self._credits:
            self._credits[call_id].release()

    async def _call(self, message: channel.Message) -> None:
        call_id, deadline = message[1], message[7]
        try:
            event = event_from_request(*message[2:7])
        except BadData as error:
            self._send(bad_data(call_id, error))
            return
        try:
            answer = await self._answer(event, {**self._context, "deadline": deadline})
        except asyncio.CancelledError:
            self._send(interrupted(call_id))
            raise
        except BaseException as error:
            leave_if_forked(self._pid)
            self._send(failed(call_id, self._title, event, error))
            return
        leave_if_forked(self._pid)
        await self._reply(call_id, event, answer)

    async def _answer(self, event: dict[str, Any], context: dict[str, Any]) -> Answer:
        response = event["extensions"]["response"]
        try:
            result = self._function(event, context)
            if hasattr(result, "__await__"):
                result = await result
        except Exception as raised:
            if not is_response(raised):
                raise
            result = raised
        return answer_from_result(result, response)

    async def _reply(self, call_id: int, event: dict[str, Any], answer: Answer) -> None:
        if answer.stream is None and len(answer.body) <= WHOLE_LIMIT:
            self._send((channel.ANSWER, call_id, answer.status, answer.head, answer.body, False))
            return
        parts = parts_of(answer)
        last: channel.Message = (channel.END, call_id, True)
        try:
            started = False
            async for message in self._stream(call_id, answer, parts):
                self._send(message)
                started = True
            last = (channel.END, call_id, False)
        except asyncio.CancelledError:
            last = last if started else interrupted(call_id)
            raise
        except BaseException as error:
            failure = failed(call_id, self._title, event, error)
            last = last if started else failure
        finally:
            await self._close(parts)
            self._credits.pop(call_id, None)
            self._send(last)

    async def _stream(
        self, call_id: int, answer: Answer, parts: AsyncIterator[Any]
    ) -> AsyncIterator[channel.Message]:
        """The messages of an answer in parts; the head once the first part is there."""
        length = len(answer.body) if answer.stream is None else None
        credit = self._credits[call_id] = asyncio.Semaphore(channel.WINDOW)
        part = await anext(parts, _END)
        yield channel.HEAD, call_id, answer.status, answer.head, length
        while part is not _END:
            for chunk in chunks(encode_part(part)):
                await credit.acquire()
                yield channel.CHUNK, call_id, chunk
            part = await anext(parts, _END)

    async def _close(self, parts: Any) -> None:
        """Run the generator's `finally` blocks; their failure is logged, the answer has gone."""
        try:
            await parts.aclose()
        except Exception as error:
            write_traceback(error)

    def _send(self, message: channel.Message) -> None:
        self._transport.write(channel.encode(message))


async def parts_of(answer: Answer) -> AsyncIterator[Any]:
    """The parts of an answer: a body, an ordinary or an async generator."""
    stream = answer.stream
    if stream is None:
        yield answer.body
    elif isinstance(stream, AsyncIterator):
        try:
            async for part in stream:
                yield part
        finally:
            if hasattr(stream, "aclose"):
                await stream.aclose()
    else:
        for part in stream:
            yield part
