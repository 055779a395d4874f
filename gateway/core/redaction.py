"""What is never shown of an event's attributes: values whose names speak of credentials. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

HIDDEN = "(hidden)"

_CREDENTIAL = re.compile(
    r"auth|token|secret|passw|passphrase|cookie|credential|api-?_?key|session|signature|bearer",
    re.IGNORECASE,
)


def redacted(name: str, value: str) -> str:
    """Return `value`, or a word in its place where `name` is that of a credential."""
    return HIDDEN if _CREDENTIAL.search(name) else value


def all_redacted(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return `attributes` without the values of credentials."""
    return {name: redacted(name, value) for name, value in attributes.items()}
