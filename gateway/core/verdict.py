"""Why a filter took an event or did not: what each of its clauses wanted, and what there was. Pure.

`gateway.core.filters` decides over every event and keeps no reasons; this finds them when asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gateway.core.redaction import redacted

ROOT = "delivery.filter"
LONGEST_VALUE = 256
"""Characters of a value that are shown."""

Read = Callable[[str], str | None]
"""Returns an attribute of the event, None where it has none."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One attribute that a filter looked at. `passed` is before any `not` around it."""

    path: str
    attribute: str
    wanted: str
    had: str | None
    passed: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the filters said. `because` are the clauses that decided."""

    matched: bool
    clauses: tuple[Clause, ...] = ()
    because: tuple[Clause, ...] = ()


class Attribute(NamedTuple):
    """What a clause looks at, and for which text."""

    path: str
    name: str
    wanted: str


def verdict(filters: Sequence[Mapping[str, Any]], read: Read) -> Verdict:
    """Examine all of `filters`, which `gateway.core.filters.accept` has accepted."""
    if not filters:
        return Verdict(True)
    return _every(_examined(one, f"{ROOT}[{at}]", read) for at, one in enumerate(filters))


def _examined(expression: Mapping[str, Any], path: str, read: Read) -> Verdict:
    ((dialect, operand),) = expression.items()
    path = f"{path}.{dialect}"
    if dialect in _TESTS:
        return _every(
            _leaf(Attribute(f"{path}.{name}", name, str(wanted)), _TESTS[dialect], read)
            for name, wanted in operand.items()
        )
    if dialect == "not":
        inner = _examined(operand, path, read)
        return Verdict(not inner.matched, inner.clauses, inner.because)
    inside = [_examined(one, f"{path}[{at}]", read) for at, one in enumerate(operand)]
    return _every(inside) if dialect == "all" else _some(inside)


def _leaf(looked_at: Attribute, test: Callable[[str, str], bool], read: Read) -> Verdict:
    path, name, wanted = looked_at
    actual = read(name)
    passed = actual is not None and test(actual, wanted)
    had = None if actual is None else redacted(name, actual)[:LONGEST_VALUE]
    clause = Clause(path, name, redacted(name, wanted)[:LONGEST_VALUE], had, passed)
    return Verdict(passed, (clause,), (clause,))


def _every(verdicts: Iterable[Verdict]) -> Verdict:
    """Join verdicts that must all match; the first that does not decides."""
    every = tuple(verdicts)
    failed = next((one for one in every if not one.matched), None)
    deciding = every if failed is None else (failed,)
    return _joined(failed is None, every, deciding)


def _some(verdicts: Iterable[Verdict]) -> Verdict:
    """Join verdicts of which one must match; the first that does decides."""
    every = tuple(verdicts)
    passed = next((one for one in every if one.matched), None)
    deciding = every if passed is None else (passed,)
    return _joined(passed is not None, every, deciding)


def _joined(matched: bool, every: Iterable[Verdict], deciding: Iterable[Verdict]) -> Verdict:
    clauses = tuple(clause for one in every for clause in one.clauses)
    because = tuple(clause for one in deciding for clause in one.because)
    return Verdict(matched, clauses, because)


_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "exact": str.__eq__,
    "prefix": str.startswith,
    "suffix": str.endswith,
}
