"""Each fault with each source: nothing lost, order kept, no repetition without a cause."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import cases
from tests.faults.conftest import Brokers
from tests.faults.letters import FileTarget, HttpTarget
from tests.faults.sizes import seed_from, sizes_from
from tests.faults.stage import Scene, stage
from tests.lanes import NOTE

SIZES = sizes_from(os.environ)
PATIENCE = 7200 if SIZES.long else 4 * SIZES.deadline
LASTING = (cases.a_broker_is_killed, cases.all_brokers_are_away)


def combination(case: cases.Case, source: str) -> object:
    """Return the case with the source; the short form of some is only worth its time at times."""
    slow = not SIZES.long and (case, source) in cases.PATIENT
    marks = [pytest.mark.slow] if slow else []
    return pytest.param(case, source, id=f"{case.__name__}-{source}", marks=marks)


COMBINATIONS = [
    combination(case, source)
    for source in ("nats", "kafka", "kinesis")
    for case in cases.CASES
    if (case, source) not in cases.NOT_APPLICABLE
]


@pytest.fixture(scope="session")
def seed() -> str:
    return seed_from(os.environ)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.timeout(PATIENCE)
@pytest.mark.parametrize(("case", "source"), COMBINATIONS)
async def test_nothing_is_lost_when(
    case: cases.Case,
    source: str,
    seed: str,
    brokers: Brokers,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    feed = await brokers.feed(source, tmp_path, lasting=case in LASTING)
    away = case is cases.the_dead_letter_target_is_away
    target = HttpTarget() if away else FileTarget(tmp_path)
    scene = Scene(feed, tmp_path, f"{seed}/{case.__name__}/{source}", SIZES)
    try:
        async with stage(scene, target) as one:
            promise = await case(one)
            figures = one.judge(promise)
    finally:
        await feed.close()
        if isinstance(target, HttpTarget):
            await target.close()
    sentence = f"{case.__name__} ({source}): {figures}"
    print(sentence)  # noqa: T201 - pytest keeps it for those who ask with -s
    record_property(NOTE, f"seed {seed}; TIDEGATE_FAULTS_SEED={seed} replays it")
    if SIZES.long:
        record_property(NOTE, sentence)
