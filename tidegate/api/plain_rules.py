"""The rules of single fields that pydantic holds by itself, as an API server holds them. Pure."""

from __future__ import annotations

from collections.abc import Collection

from tidegate.api import cel
from tidegate.api.problem import listed
from tidegate.api.rule import Rule


def one_of(choices: Collection[str]) -> Rule:
    """Ask for one of the texts."""
    return Rule(
        choices.__contains__,
        f"self in {cel.texts(choices)}",
        "is not one of the values it takes",
        f"use {listed(choices)}",
        shows=True,
    )


def at_least(limit: float) -> Rule:
    """Ask for a number that is not below `limit`."""
    words = f"at least {_number(limit)}"
    fix = f"write a value {words}"
    return Rule(
        lambda value: value >= limit,
        f"self >= {_number(limit)}",
        f"is not {words}",
        fix,
        shows=True,
    )


def at_most(limit: float) -> Rule:
    """Ask for a number that is not above `limit`."""
    words = f"at most {_number(limit)}"
    fix = f"write a value {words}"
    return Rule(
        lambda value: value <= limit,
        f"self <= {_number(limit)}",
        f"is not {words}",
        fix,
        shows=True,
    )


def not_empty() -> Rule:
    """Ask for a text that has characters."""
    return Rule(bool, "self != ''", "is empty", "write a text, or leave the field out")


def present(field: str, fix: str) -> Rule:
    """Ask a mapping for a field that it must have."""
    return Rule(lambda value: field in value, cel.has(field), "is missing", fix, (field,))


def _number(limit: float) -> str:
    return str(int(limit)) if limit == int(limit) else str(limit)
