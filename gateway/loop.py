"""The event loop that production runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return how to make it."""
    try:
        import uvloop
    except ImportError:  # it is not there on every platform, and only makes things faster
        return asyncio.new_event_loop
    return uvloop.new_event_loop
