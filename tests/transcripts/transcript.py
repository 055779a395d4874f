"""What a terminal shows: command lines, and below each what it prints and how it ends.

    $ tidegate function list -n shop
    NAME    NAMESPACE   ...
    ...
    [exit 2]

A line that begins with `$ ` is a command; one that ends with a backslash goes on in the next line.
`...` in a line stands for anything in it, a line of `...` alone for any number of lines. Two spaces
or more are as good as any others. Lines before the first command are remarks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PROMPT = "$ "
ANYTHING = "..."
_EXIT = re.compile(r"^\[exit (\d+)\]$")
_GAP = re.compile(r" {2,}")


@dataclass(frozen=True, slots=True)
class Step:
    """One command and what it must print; `line` is where the transcript has it."""

    line: int
    command: str
    printed: tuple[str, ...] = ()
    code: int = 0


def steps(path: Path) -> list[Step]:
    """Return the commands of a transcript in their order."""
    found = list(_steps(path.read_text().splitlines()))
    if not found:
        raise ValueError(f"{path} has no line that begins with {PROMPT!r}")
    return found


def _steps(lines: Sequence[str]) -> Iterator[Step]:
    starts = [number for number, line in enumerate(lines) if line.startswith(PROMPT)]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield _step(start + 1, lines[start:end])


def _step(number: int, lines: Sequence[str]) -> Step:
    command = [lines[0].removeprefix(PROMPT)]
    while command[-1].endswith("\\"):
        command.append(lines[len(command)])
    printed = [line.rstrip() for line in lines[len(command) :]]
    while printed and not printed[-1]:
        printed.pop()
    ended = _EXIT.match(printed[-1]) if printed else None
    if ended is not None:
        printed.pop()
    code = 0 if ended is None else int(ended[1])
    return Step(number, "\n".join(command), tuple(printed), code)


def matches(wanted: Sequence[str], said: Sequence[str]) -> bool:
    """Tell whether a command said what its transcript has."""
    if not wanted:
        return not said
    first, rest = wanted[0], wanted[1:]
    if first.strip() == ANYTHING:
        return any(matches(rest, said[taken:]) for taken in range(len(said) + 1))
    return bool(said) and _line(first, said[0]) and matches(rest, said[1:])


def _line(wanted: str, said: str) -> bool:
    parts = _GAP.sub("  ", wanted.strip()).split(ANYTHING)
    pattern = ".*".join(map(re.escape, parts))
    return re.fullmatch(pattern, _GAP.sub("  ", said.strip())) is not None
