"""The function, and what a process that is made for one call does."""

from __future__ import annotations

from multiprocessing.queues import Queue
from typing import Any


def context(event: object, context: object) -> object:
    """What `context` of the contract suite answers."""
    return context


def run(queue: Queue[Any], event: object, given: object) -> None:
    """Call it; what comes of it goes back."""
    try:
        queue.put(context(event, given))
    except Exception as error:  # noqa: BLE001 - whatever a function raises
        queue.put(error)
