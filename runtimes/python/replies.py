"""The messages with which a worker answers, ordinary or concurrent."""

import os
import sys
from collections.abc import Iterator
from typing import Any

from . import channel
from .answer import Unanswerable
from .event import BadData
from .load import one_line, write_traceback

WHOLE_LIMIT = 1024 * 1024
"""Larger bodies go in chunks: the front holds no more than a window of each."""

FAILURE = "the function failed; its log says why\n"


def leave_if_forked(pid: int) -> None:
    """End a child that the function forked: the answer is its parent's (`pid`) to give."""
    if os.getpid() != pid:
        os._exit(0)


def chunks(body: bytes) -> Iterator[bytes]:
    """The body in pieces of bounded size; nothing for an empty one."""
    if len(body) <= channel.CHUNK_SIZE:
        if body:
            yield body
        return
    for start in range(0, len(body), channel.CHUNK_SIZE):
        yield body[start : start + channel.CHUNK_SIZE]


def bad_data(call_id: int, error: BadData) -> channel.Message:
    """The answer to a body that cannot be parsed: the client's mistake."""
    return sentence(call_id, 400, f"{error}\n", False)


def interrupted(call_id: int) -> channel.Message:
    """The last message of a call that was stopped."""
    return sentence(call_id, 408, "", True)


def failed(
    call_id: int, title: str, event: dict[str, Any], error: BaseException
) -> channel.Message:
    """The answer to an exception, whose traceback goes to the log and nowhere else."""
    name = event["event-id"] or "without an id"
    reason = f"{type(error).__name__}: {one_line(error)}"
    sys.stderr.write(f"{title}: call {name} failed: {reason}\n")
    if not isinstance(error, Unanswerable):
        write_traceback(error)
    return sentence(call_id, 500, FAILURE, True)


def sentence(call_id: int, status: int, text: str, is_failure: bool) -> channel.Message:
    """An answer of the server's own."""
    head = b"Content-Type: text/plain; charset=utf-8\r\n"
    return channel.ANSWER, call_id, status, head, text.encode(), is_failure
