"""Pairs of a command line: KEY=VALUE or KEY:VALUE, several after a comma. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from tidegate.cli.errors import CommandError, ExitCode

_NEXT_VARIABLE: Final = re.compile(r",(?=[A-Za-z_][A-Za-z0-9_.-]*=)")

Pairs = dict[str, str | None]
"""None takes a key away."""


def pairs(option: str, given: Iterable[str]) -> Pairs:
    """Return the pairs of an option. `KEY-` takes one away. Raises `CommandError`."""
    parts = (part.strip() for text in given for part in text.split(","))
    return dict(_pair(option, part) for part in parts if part)


def variables(given: Iterable[str]) -> Pairs:
    """Return the variables of `--env`, whose values may have commas. Raises `CommandError`."""
    return dict(_pair("--env", part) for text in given for part in _variables(text) if part)


def names(given: Iterable[str]) -> dict[str, bool]:
    """Return names, and whether each is to be there: `NAME-` takes one away."""
    parts = [part.strip() for text in given for part in text.split(",")]
    return {part.rstrip("-"): not part.endswith("-") for part in parts if part}


def _variables(text: str) -> Iterator[str]:
    yield from _NEXT_VARIABLE.split(text) if "=" in text else text.split(",")


def _pair(option: str, part: str) -> tuple[str, str | None]:
    signs = [part.index(sign) for sign in "=:" if sign in part]
    if not signs:
        if part.endswith("-") and len(part) > 1:
            return part[:-1], None
        raise CommandError(f"{option} {part!r}: write KEY=VALUE", ExitCode.USAGE)
    where = part.index("=") if "=" in part else signs[0]
    if not where:
        raise CommandError(f"{option} {part!r}: it has no name", ExitCode.USAGE)
    return part[:where], part[where + 1 :]
