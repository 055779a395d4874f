"""CloudEvents Subscriptions filters: exact, prefix, suffix, all, any, not. Pure.

Source: subscriptions/spec.md 3.2.4 of https://github.com/cloudevents/spec. A filter is compiled
once per subscription into a predicate; a missing attribute never matches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.core.event import CloudEvent
from gateway.errors import ConfigError

Predicate = Callable[[CloudEvent], bool]


def accept(filters: Sequence[Mapping[str, Any]]) -> Predicate | None:
    """Compile `filters`, all of which must match; None when there is nothing to test.

    Raises `ConfigError` naming the dialect that is unknown or empty.
    """
    if not filters:
        return None
    return _all([_compiled(one) for one in filters])


def _compiled(expression: Mapping[str, Any]) -> Predicate:
    if len(expression) != 1:
        raise ConfigError(f"a filter has exactly one dialect, this one has {sorted(expression)}")
    ((dialect, operand),) = expression.items()
    if dialect not in _DIALECTS:
        raise ConfigError(f"filter dialect {dialect!r} is unknown; use one of {sorted(_DIALECTS)}")
    if not operand:
        raise ConfigError(f"filter {dialect!r} is empty; name at least one attribute or filter")
    return _DIALECTS[dialect](operand)


def _on_attributes(test: Callable[[str, str], bool]) -> Callable[[Mapping[str, str]], Predicate]:
    """Build a dialect whose every attribute must pass `test(actual, wanted)`."""

    def dialect(wanted: Mapping[str, str]) -> Predicate:
        pairs = tuple((name, str(text)) for name, text in wanted.items())

        def matches(event: CloudEvent) -> bool:
            for name, text in pairs:
                actual = event.attribute(name)
                if actual is None or not test(actual, text):
                    return False
            return True

        return matches

    return dialect


def _all(predicates: Sequence[Predicate]) -> Predicate:
    return lambda event: all(matches(event) for matches in predicates)


def _any(predicates: Sequence[Predicate]) -> Predicate:
    return lambda event: any(matches(event) for matches in predicates)


def _not(expression: Mapping[str, Any]) -> Predicate:
    matches = _compiled(expression)
    return lambda event: not matches(event)


_DIALECTS: Mapping[str, Callable[[Any], Predicate]] = {
    "exact": _on_attributes(str.__eq__),
    "prefix": _on_attributes(str.startswith),
    "suffix": _on_attributes(str.endswith),
    "all": lambda expressions: _all([_compiled(one) for one in expressions]),
    "any": lambda expressions: _any([_compiled(one) for one in expressions]),
    "not": _not,
}
