"""Laptops to run functions on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controllers.local.settings import LocalSettings
from tests.support.laptop import FAST, Laptop, running


@pytest.fixture
def settings(tmp_path: Path) -> LocalSettings:
    """Return settings with impatient probes."""
    return LocalSettings(tmp_path / "state", process=FAST)


@pytest.fixture
async def laptop(settings: LocalSettings) -> AsyncIterator[Laptop]:
    """Run functions in the real server."""
    async with running(settings) as laptop:
        yield laptop


@pytest.fixture
async def broken_laptop(settings: LocalSettings) -> AsyncIterator[Laptop]:
    """Run functions in a server that misbehaves as told."""
    async with running(settings, Path(__file__).with_name("stand_in.py")) as laptop:
        yield laptop
