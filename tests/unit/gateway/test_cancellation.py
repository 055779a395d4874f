"""A cancellation that a library swallows reaches its task all the same."""

from __future__ import annotations

import asyncio

import pytest

from gateway.cancellation import kept_cancellation


async def swallow(begun: asyncio.Event) -> None:
    """Wait as nats-py does for its flusher."""
    try:
        begun.set()
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        pass


@pytest.mark.regression("nats-py: publish and flush catch CancelledError and return")
async def test_a_swallowed_cancellation_is_raised_again() -> None:
    begun = asyncio.Event()
    went_on = []

    async def work() -> None:
        with kept_cancellation():
            await swallow(begun)
        went_on.append(True)

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert not went_on


async def test_a_deadline_that_was_swallowed_is_a_timeout() -> None:
    begun = asyncio.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            with kept_cancellation():
                await swallow(begun)


async def test_what_a_cancelled_task_does_to_clean_up_is_not_disturbed() -> None:
    begun = asyncio.Event()
    cleaned = []

    async def work() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            with kept_cancellation():
                await asyncio.sleep(0)
            cleaned.append(True)

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    assert cleaned == [True]


async def test_an_error_passes_as_it_is() -> None:
    with pytest.raises(ValueError, match="mine"), kept_cancellation():
        raise ValueError("mine")
