"""What to say when a name is not there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Return a sentence that names the nearest of `known`, or all of them when they are few."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return f"there is no {what} {name!r}; did you mean {' or '.join(near)}?"
    if not names:
        return f"there is no {what} {name!r}; none is running here"
    shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
    return f"there is no {what} {name!r}; there is {shown}"
