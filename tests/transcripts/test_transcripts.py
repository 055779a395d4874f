"""Every transcript, played at its place: a file belongs to the place that its folder names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.transcripts.terminal import Terminal

HERE = Path(__file__).parent

pytestmark = pytest.mark.timeout(900)
"""Each line of a transcript is a process: on a busy machine they add up."""


def _of(place: str) -> list[object]:
    """Return the transcripts of a place; those of `slow` are longer forms."""
    found = sorted((HERE / place).glob("**/*.txt"))
    return [pytest.param(one, id=f"{place}/{one.stem}", marks=_marks(one)) for one in found]


def _marks(transcript: Path) -> list[pytest.MarkDecorator]:
    return [pytest.mark.slow] if transcript.parent.name == "slow" else []


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("transcript", _of("laptop"))
async def test_on_a_laptop(laptop: Terminal, transcript: Path) -> None:
    await laptop.play(transcript)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("transcript", _of("cluster"))
async def test_on_a_cluster(cluster: Terminal, transcript: Path) -> None:
    await cluster.play(transcript)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("transcript", _of("nowhere"))
async def test_where_nothing_runs(nowhere: Terminal, transcript: Path) -> None:
    await nowhere.play(transcript)
