"""What a replay is asked for, as a value that was checked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gateway.core.filters import accept
from gateway.errors import ConfigError
from gateway.replay.log import Window
from gateway.replay.moments import moment

RATE = 100.0
"""Events a second that a replay delivers when nobody says how many."""

FASTEST = 100_000.0
MOST_AT_ONCE = 1024
"""Deliveries in flight that a replay may ask for."""

MOST_ANSWERS = 10_000
"""Answers that a request may bring along."""

_LONG_AGO = datetime.fromtimestamp(0, UTC)
_TEXTS = ("namespace", "kind", "trigger", "from", "to", "target")
_SWITCHES = ("fromDeadLetters", "deadLetter", "compare")
_KNOWN = frozenset((*_TEXTS, *_SWITCHES, "filters", "rate", "concurrency", "answers"))


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """Which events of which trigger, to whom, and how fast."""

    namespace: str
    trigger: str
    window: Window
    kind: str = ""
    target: str = ""
    """The function that gets them; empty is those that the trigger feeds."""

    filters: tuple[Mapping[str, Any], ...] = ()
    """Beside those of the trigger."""

    rate: float = RATE
    """Events a second; 0 is as fast as they are taken."""

    concurrency: int = 0
    """Deliveries in flight; 0 is what the trigger allows."""

    from_dead_letters: bool = False
    dead_letter: bool = False
    """Whether what fails goes where the trigger's own failures go."""

    compare: bool = False
    answers: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Function and event -> what was answered live, where other replicas know that."""


def request_from_json(body: Mapping[str, Any], now: datetime) -> ReplayRequest:
    """Read a request. Raises `ValueError` with a sentence that names the field."""
    for name in body:
        if name not in _KNOWN:
            raise ValueError(f"a replay has no field {name!r}; it has {', '.join(sorted(_KNOWN))}")
    texts = {name: _text(body, name) for name in _TEXTS}
    if not (texts["namespace"] and texts["trigger"]):
        raise ValueError("namespace and trigger say whose events are replayed; name both")
    switches = {name: _switch(body, name) for name in _SWITCHES}
    if switches["deadLetter"] and texts["target"]:
        raise ValueError("deadLetter: what fails at another function has no place among them")
    window = _window(texts["from"], texts["to"], now, open_start=switches["fromDeadLetters"])
    return ReplayRequest(
        texts["namespace"],
        texts["trigger"],
        window,
        texts["kind"],
        texts["target"],
        _filters(body.get("filters", [])),
        _number(body, "rate", RATE, FASTEST),
        int(_number(body, "concurrency", 0, MOST_AT_ONCE)),
        switches["fromDeadLetters"],
        switches["deadLetter"],
        switches["compare"],
        _answers(body.get("answers", [])),
    )


def _window(start: str, end: str, now: datetime, *, open_start: bool) -> Window:
    if not (start or open_start):
        raise ValueError("from: say when to begin, for example 2h for two hours ago")
    window = Window(
        _moment("from", start, now) if start else _LONG_AGO,
        _moment("to", end, now) if end else now,
    )
    if window.end > now:
        raise ValueError("to: lies in the future; a replay ends where the log does now")
    if window.start >= window.end:
        raise ValueError("from: is not before to, so there is nothing between them")
    return window


def _moment(field: str, text: str, now: datetime) -> datetime:
    try:
        return moment(text, now)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None


def _filters(filters: object) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(filters, list):
        raise ValueError("filters: is no list of CloudEvents filters")
    try:
        accept(filters)
    except ConfigError as error:
        raise ValueError(f"filters: {error}") from None
    except (AttributeError, TypeError, ValueError, RecursionError):
        raise ValueError("filters: is not as CloudEvents filters are built") from None
    return tuple(filters)


def _answers(rows: object) -> Mapping[tuple[str, str], int]:
    mistake = ValueError(f"answers: is no list of at most {MOST_ANSWERS} [function, event, status]")
    if not isinstance(rows, list) or len(rows) > MOST_ANSWERS:
        raise mistake
    found: dict[tuple[str, str], int] = {}
    for row in rows:
        match row:
            case [str(function), str(event), int(status)]:
                found[function, event] = status
            case _:
                raise mistake
    return found


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise ValueError(f"{name}: is no text")
    return value


def _switch(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise ValueError(f"{name}: is neither true nor false")
    return value


def _number(body: Mapping[str, Any], name: str, default: float, most: float) -> float:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise ValueError(f"{name}: {value!r} is not between 0 and {most:g}")
    return value
