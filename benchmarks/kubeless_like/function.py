"""The functions, and what a process that is made for one call does."""

from __future__ import annotations

import time
from multiprocessing.queues import Queue
from typing import Any


def context(event: object, context: object) -> object:
    """What `context` of the contract suite answers."""
    return context


def wait(event: object, context: object) -> object:
    """Wait as one does for another service."""
    time.sleep(0.05)
    return "awake"


def run(queue: Queue[Any], name: str, event: object, given: object) -> None:
    """Call one; what comes of it goes back."""
    try:
        queue.put(FUNCTIONS[name](event, given))
    except Exception as error:  # noqa: BLE001 - whatever a function raises
        queue.put(error)


FUNCTIONS = {"context": context, "wait": wait}
