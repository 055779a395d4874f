"""Keeps a cancellation that a client library swallows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_cancellation() -> Iterator[None]:
    """Raise the `CancelledError` that an await in this block took for itself.

    nats-py catches it where it waits for its flusher, and `asyncio.wait_for` of Python 3.11
    returns the result and forgets the cancellation when both come in one turn of the loop (cpython
    issue 86296). A task that was told to stop would go on for ever. It still counts the request,
    by which the loss is seen.
    """
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()
    yield
    if task.cancelling() > before:
        raise asyncio.CancelledError
