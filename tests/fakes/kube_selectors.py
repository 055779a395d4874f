"""Label and field selectors, as the API server reads them."""

from __future__ import annotations

import re
from collections.abc import Callable

from tidegate.kube.objects import Object

Matches = Callable[[Object], bool]
_SET = re.compile(r"^(\S+)\s+(in|notin)\s+\(([^)]*)\)$")
_COMMA = re.compile(r",(?![^(]*\))")


def matcher(labels: str, fields: str) -> Matches:
    """Return what tells whether an object is selected."""
    terms = [_label_term(term.strip()) for term in _COMMA.split(labels) if term.strip()]
    wanted = dict(term.split("=", 1) for term in fields.replace("==", "=").split(",") if term)

    def matches(obj: Object) -> bool:
        metadata = obj["metadata"]
        own = metadata.get("labels") or {}
        return all(term(own) for term in terms) and all(
            str(metadata.get(field.removeprefix("metadata."), "")) == value
            for field, value in wanted.items()
        )

    return matches


def _label_term(term: str) -> Callable[[dict[str, str]], bool]:
    found = _SET.match(term)
    if found:
        name, word, listed = found.groups()
        values = {value.strip() for value in listed.split(",")}
        return lambda own: (own.get(name) in values) == (word == "in")
    if "!=" in term:
        name, _, value = term.partition("!=")
        return lambda own: own.get(name) != value
    if "=" in term:
        name, _, value = term.replace("==", "=").partition("=")
        return lambda own: own.get(name) == value
    if term.startswith("!"):
        return lambda own: term[1:] not in own
    return lambda own: term in own
