"""What the live version answered, as far as the gateway remembers it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from gateway.core.recollection import MOST_ROWS, Question
from gateway.core.witness import Found
from gateway.replay.request import ReplayRequest

PATIENCE = 10.0
"""Seconds for the answer; the rest of the replay does not need it."""

Remember = Callable[[Question], Awaitable[Found]]
Answers = Mapping[tuple[str, str], int]
"""(function, id of the event) -> the status that it answered last."""


async def live_answers(request: ReplayRequest, remember: Remember) -> Answers:
    """Return what is remembered of the trigger's events, here and as the request tells.

    They are the newest ones, of a bounded number.
    """
    question = Question(request.namespace, request.trigger, request.kind, limit=MOST_ROWS)
    try:
        async with asyncio.timeout(PATIENCE):
            found = await remember(question)
    except TimeoutError:
        return request.answers
    return dict(request.answers) | {
        (row["function"], row["event"]["id"]): row["status"]
        for row in reversed(found.decisions)  # of an event that came twice, the last answer
        if row["status"] is not None
    }
