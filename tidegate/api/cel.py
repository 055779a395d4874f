"""Pieces of CEL, the language in which API servers check objects. Pure text.

Source: the Kubernetes reference of `x-kubernetes-validations`, field names and their escapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

_RESERVED: Final = frozenset(
    (
        *("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for"),
        *("function", "if", "import", "let", "loop", "package", "namespace", "return", "var"),
        *("void", "while"),
    )
)
_ESCAPES: Final = {"__": "__underscores__", "-": "__dash__", ".": "__dot__", "/": "__slash__"}
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_QUOTED: Final = "'\"' + (self.size() <= 48 ? self : self.substring(0, 45) + '...') + '\"'"
# As dyn, since the text of a number has no bound in the estimate of what a rule costs.
_NUMBER: Final = "string(dyn(self))"
_SHOWN: Final = {"string": _QUOTED, "integer": _NUMBER, "number": _NUMBER}
_SHOWN_EITHER: Final = f"(type(self) == string ? {_QUOTED} : string(self))"


def text(value: str) -> str:
    """Write a text."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def texts(values: Iterable[str]) -> str:
    """Write a list of texts."""
    return f"[{', '.join(text(value) for value in values)}]"


def matches(pattern: str, of: str = "self") -> str:
    """Ask whether `pattern`, which has no quotes, matches somewhere in the text `of`."""
    return f"{of}.matches(r'{pattern}')"


def shown(schema: Mapping[str, Any]) -> str:
    """Show a scalar of that schema in a sentence, as the command line does."""
    return _SHOWN.get(str(schema.get("type")), _SHOWN_EITHER)


def field(*path: str, of: str = "self") -> str:
    """Name a field, which must be there."""
    return ".".join((of, *(_escaped(name) for name in path)))


def has(*path: str, of: str = "self") -> str:
    """Ask whether a field is there, and all around it."""
    ends = range(1, len(path) + 1)
    return " && ".join(f"has({field(*path[:end], of=of)})" for end in ends)


def given(*path: str) -> str:
    """Ask whether a text is there and not empty."""
    return f"{has(*path)} && {field(*path)} != ''"


def field_path(path: Iterable[str | int]) -> str:
    """Write a path as `fieldPath` takes it."""
    return "".join(f".{name}" if _PLAIN.fullmatch(str(name)) else f"['{name}']" for name in path)


def _escaped(name: str) -> str:
    if name in _RESERVED:
        return f"__{name}__"
    return re.sub("__|[-./]", lambda found: _ESCAPES[found[0]], name)
