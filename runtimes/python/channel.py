"""The messages between the front and a worker: length-prefixed tuples over a socket pair.

marshal is the fastest encoding of plain values in the standard library, and safe to use here:
both ends run this folder on one interpreter.

    front -> worker   (CALL, id, method, target, headers, body, peer, deadline)
                      (MORE, id)      one more chunk may come
                      (CANCEL, id)    stop the call; its last message is still awaited
    worker -> front   (READY, concurrent) | (FAILED, sentence)
                      (ANSWER, id, status, head, body, failed)
                      (HEAD, id, status, head, length or None)
                      (CHUNK, id, bytes)…
                      (END, id, failed)

A call ends with exactly one ANSWER or END.
"""

import marshal
import signal
import struct
from typing import Any

CALL, MORE, CANCEL, READY, FAILED, ANSWER, HEAD, CHUNK, END = range(9)

WINDOW = 4
"""Chunks of one call that may be on their way; the worker waits for MORE beyond that."""

CHUNK_SIZE = 64 * 1024

INTERRUPT = signal.SIGURG
"""Stops a call; ignored by default, so that it harms no program that the function starts."""

Message = tuple[Any, ...]

_length = struct.Struct(">I")


def encode(message: Message) -> bytes:
    """The message as it goes over the wire."""
    payload = marshal.dumps(message)
    return _length.pack(len(payload)) + payload


class Decoder:
    """Turns bytes as they come into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages that data completes, in order."""
        buffer = self._buffer
        buffer += data
        messages: list[Message] = []
        start = 0
        while len(buffer) - start >= 4:
            end = start + 4 + _length.unpack_from(buffer, start)[0]
            if len(buffer) < end:
                break
            with memoryview(buffer) as view:
                messages.append(marshal.loads(view[start + 4 : end]))
            start = end
        del buffer[:start]
        return messages
