"""What both ends of the control API of a running `tidegate up` know."""

from __future__ import annotations

from urllib.parse import quote

ERROR_HEADER = "tidegate-error"
"""On answers that are the control API's own errors: `unknown`, `unavailable` or `refused`."""


def function_path(namespace: str, name: str, verb: str) -> str:
    """Return the path of one function's verb."""
    return f"/functions/{quote(namespace, safe='')}/{quote(name, safe='')}/{verb}"
