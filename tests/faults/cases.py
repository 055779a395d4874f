"""The faults. Each acts on a stage, at moments drawn from the seed and tied to progress."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from tests.faults.feeds import CALLS, HELD
from tests.faults.gateways import GatewayProcess
from tests.faults.letters import HttpTarget
from tests.faults.stage import PACE, SLOW, Stage
from tests.faults.verdict import Promise
from tests.support.waiting import until

TIMEOUT = 5.0
"""Of an attempt, where the function hangs. Seconds."""

AWAITED = 3
"""Dead letters that a target must refuse before it comes back."""

TRICKLE = 25
"""Orders that are published at a time while somebody is waited for."""

GROWTH = 16 << 20
"""Bytes of memory that a gateway may gain in front of a backlog."""


async def a_gateway_is_killed(stage: Stage) -> Promise:
    """SIGKILL, and another one in its place; again and again in the long form."""
    await stage.publish(stage.sizes.events)
    gateway = await stage.start()
    step = stage.sizes.events // (stage.sizes.kills + 1)
    for _ in range(stage.sizes.kills):
        await stage.until_taken(stage.taken + stage.chance.randrange(step // 4, step))
        await stage.kill(gateway)
        gateway = await stage.start()
    await stage.finish()
    return Promise(strays=stage.killed * stage.feed.strays)


async def replicas_come_and_go(stage: Stage) -> Promise:
    """One joins, the first leaves in order, and of two again one is killed."""
    part = stage.sizes.events // 4
    await stage.publish(part)
    first = await stage.start()
    await stage.until_taken(stage.chance.randrange(part // 4, part // 2))
    async with stage.moved("replicas came and went", 4 * HELD):
        second = await _joined(stage)
        await stage.publish(part)
        await stage.until_taken(stage.taken + stage.chance.randrange(part // 2))
        await stage.stop(first)
        await stage.publish(part)
        await stage.until_taken(stage.taken + stage.chance.randrange(part // 2))
        await _joined(stage)
        await stage.publish(part)
        await stage.until_taken(stage.taken + stage.chance.randrange(part // 2))
    await stage.kill(second)
    await stage.finish()
    return Promise(strays=stage.feed.shared_strays)


async def _joined(stage: Stage) -> GatewayProcess:
    """Start one more gateway, and keep all of them busy until it has its share."""
    stage.function.pace = SLOW
    gateway = await stage.start()

    def shares() -> bool:
        return bool(gateway.metrics.get("tidegate_received_total"))

    while not shares():
        await until(lambda: shares() or stage.left <= 4 * TRICKLE, stage.sizes.deadline)
        await stage.publish(TRICKLE)
    stage.function.pace = PACE
    return gateway


async def a_broker_is_killed(stage: Stage) -> Promise:
    """SIGKILL, and back at once; half of the orders are published after that."""
    return await _broker_goes(stage, 0.0, everyone=False)


async def all_brokers_are_away(stage: Stage) -> Promise:
    """Nothing answers for a minute in the long form, a few seconds in the short one."""
    return await _broker_goes(stage, stage.sizes.away, everyone=True)


async def _broker_goes(stage: Stage, away: float, *, everyone: bool) -> Promise:
    half = stage.sizes.events // 2
    await stage.publish(half)
    await stage.start()
    await stage.until_taken(stage.moment(0.05, 0.4))
    async with stage.disturbed("the broker was away", HELD):
        await stage.feed.leave(everyone=everyone)
        await asyncio.sleep(away)  # the fault itself
        await stage.feed.come_back()
    await stage.publish(stage.sizes.events - half)
    await stage.finish()
    return Promise(strays=stage.feed.strays)


async def the_dead_letter_target_is_away(stage: Stage) -> Promise:
    """It is not there from the beginning, and comes when letters wait for it."""
    target = stage.target
    assert isinstance(target, HttpTarget)
    await stage.publish(stage.sizes.events)
    gateway = await stage.start()
    await stage.until_metric(gateway, "tidegate_unwritten", AWAITED)
    assert not gateway.metrics.get("tidegate_settled_total/deadLettered")
    await target.start()
    await stage.finish()
    return Promise()


async def the_function_hangs(stage: Stage) -> Promise:
    """Every call runs into its timeout, until the gateway has stopped asking, and probed."""
    stage.policy = replace(stage.policy, timeout=TIMEOUT)
    # So short a timeout may end an answer, too, on a machine that stands still for a moment.
    async with stage.disturbed("timeouts were short", 4 * CALLS):
        await stage.publish(stage.sizes.events)
        await stage.start()
        await stage.until_taken(stage.moment(0.1, 0.5))
        stage.function.hang()
        await stage.until_function(lambda: stage.function.hung > CALLS)
        stage.function.recover()
        await stage.finish()
    return Promise()


async def the_function_is_slow(stage: Stage) -> Promise:
    """A backlog waits in front of it, and none of it in the gateway's memory."""
    await stage.publish(stage.sizes.backlog)
    stage.function.pace = SLOW
    await stage.start()
    await stage.until_taken(1)
    await asyncio.sleep(stage.sizes.slow)  # what is shown is that nothing grows meanwhile
    stage.function.pace = PACE
    await stage.finish()
    return Promise(growth=GROWTH)


Case = Callable[[Stage], Awaitable[Promise]]

CASES: tuple[Case, ...] = (
    a_gateway_is_killed,
    replicas_come_and_go,
    a_broker_is_killed,
    all_brokers_are_away,
    the_dead_letter_target_is_away,
    the_function_hangs,
    the_function_is_slow,
)

NOT_APPLICABLE = frozenset({(a_broker_is_killed, "kinesis")})
"""The combinations that there are not; docs/faults.md says why."""

PATIENT = frozenset(
    {
        (a_broker_is_killed, "kafka"),
        (all_brokers_are_away, "kafka"),
        (the_function_hangs, "kafka"),
        (the_function_is_slow, "kafka"),
        (a_gateway_is_killed, "kinesis"),
        (replicas_come_and_go, "kinesis"),
        (the_function_hangs, "kinesis"),
        (the_function_is_slow, "kinesis"),
    }
)
"""Those whose short form takes too long for every run of the tests."""
