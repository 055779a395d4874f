"""Builds JSON values from the events of a YAML parser, within bounds. Pure.

The events are read one by one instead of building the parser's tree, so that hostile text costs
no recursion, an alias is charged what it stands for, and nothing but JSON types comes out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from tidegate.api.mistake import Mistake
from tidegate.api.problem import Path, Problem, quoted
from tidegate.api.yaml_scalar import NotJSON, scalar_value

MAX_OBJECT: Final = 1536 * 1024
MAX_DEPTH: Final = 64
MAX_NODES: Final = 100_000
MAX_MISTAKES: Final = 100


@dataclass(frozen=True, slots=True)
class Document:
    """One value, the line of each of its fields, and what was wrong with its writing."""

    value: Any
    lines: dict[Path, int]
    mistakes: list[Mistake] = field(default_factory=list)


class Refused(Exception):
    """The document cannot be read at all."""

    def __init__(self, message: str, fix: str, line: int | None = None) -> None:
        super().__init__(message, fix, line)
        self.message, self.fix, self.line = message, fix, line

    def problem(self, file: str) -> Problem:
        """Say it with the file's name."""
        return Problem(self.message, self.fix, file, self.line)


def repeated(key: str, path: Path) -> Mistake:
    """Say that a mapping has a key twice."""
    return Mistake(f"{quoted(key)} is given twice", "keep one of them", path)


def too_many_mistakes() -> Refused:
    """Say that a document is not worth reading on."""
    message = f"gives more than {MAX_MISTAKES} keys twice or values that are not JSON"
    return Refused(message, "mend the first of them")


def too_deep(line: int | None) -> Refused:
    """Say that a document nests too deep."""
    return Refused(f"nests deeper than {MAX_DEPTH} levels", "write it flatter", line)


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is being read."""

    value: Any
    path: Path
    anchor: str | None
    line: int
    size: int = 1
    nodes: int = 1
    key: str | None = None
    merges: list[Any] = field(default_factory=list)

    def inner_path(self) -> Path:
        """The path of the item that comes next."""
        if isinstance(self.value, list):
            return (*self.path, len(self.value))
        return self.path if self.key is None else (*self.path, self.key)


@dataclass(frozen=True, slots=True)
class _Anchored:
    value: Any
    size: int
    nodes: int


class Composer:
    """Builds the values of one text from its parser's events, within bounds."""

    def __init__(self, first_line: int) -> None:
        self._first_line = first_line
        self._begin()

    def _begin(self) -> None:
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Anchored] = {}
        self._lines: dict[Path, int] = {}
        self._mistakes: list[Mistake] = []
        self._value: Any = None

    def take(self, event: yaml.Event) -> Document | None:
        """Take the next event; returns a document when it is complete. Raises `Refused`."""
        match event:
            case yaml.DocumentStartEvent():
                self._begin()
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.MappingStartEvent():
                self._open({}, event)
            case yaml.SequenceStartEvent():
                self._open([], event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close()
            case yaml.DocumentEndEvent():
                return Document(self._value, self._lines, self._mistakes)
        return None

    def _line(self, event: yaml.Event) -> int:
        mark = event.start_mark
        return self._first_line + (mark.line if mark is not None else 0) + 1

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if self._takes_key():
            self._key(event)
            return
        try:
            value = scalar_value(event)
        except NotJSON as error:
            path = self._stack[-1].inner_path() if self._stack else ()
            self._note(Mistake(error.message, error.fix, path))
            value = event.value
        self._put(_Anchored(value, len(event.value) + 3, 1), event.anchor, self._line(event))

    def _note(self, mistake: Mistake) -> None:
        self._mistakes.append(mistake)
        if len(self._mistakes) > MAX_MISTAKES:
            raise too_many_mistakes()

    def _takes_key(self) -> bool:
        return bool(self._stack) and self._stack[-1].key is None and self._in_mapping()

    def _in_mapping(self) -> bool:
        return isinstance(self._stack[-1].value, dict)

    def _key(self, event: yaml.ScalarEvent) -> None:
        """Remember the key of the value that follows. Every key is text, as in JSON."""
        frame = self._stack[-1]
        frame.key = event.value
        frame.size += len(event.value) + 3
        path = (*frame.path, event.value)
        if event.value in frame.value:
            self._note(repeated(event.value, path))
        self._lines.setdefault(path, self._line(event))
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(event.value, len(event.value), 1)

    def _alias(self, event: yaml.AliasEvent) -> None:
        anchored = self._anchors.get(event.anchor or "")
        if anchored is None:
            fix = f"write &{event.anchor} before the value that it stands for"
            raise Refused(f"*{event.anchor} stands for nothing yet", fix, self._line(event))
        if self._takes_key():
            raise Refused("an alias is no key", "write the key itself", self._line(event))
        self._put(anchored, None, self._line(event))

    def _open(self, value: Any, event: yaml.CollectionStartEvent) -> None:
        line = self._line(event)
        if len(self._stack) >= MAX_DEPTH:
            raise too_deep(line)
        if self._takes_key():
            raise Refused("a mapping or list is no key", "write a text as the key", line)
        if event.tag and event.tag not in ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "!"):
            raise Refused(f"the tag {quoted(event.tag)} is not taken", "remove it", line)
        path = self._stack[-1].inner_path() if self._stack else ()
        self._stack.append(_Frame(value, path, event.anchor, line))

    def _close(self) -> None:
        frame = self._stack.pop()
        for merged in frame.merges:
            for key, value in merged.items():
                frame.value.setdefault(key, value)
        self._put(_Anchored(frame.value, frame.size, frame.nodes), frame.anchor, frame.line)

    def _put(self, item: _Anchored, anchor: str | None, line: int) -> None:
        """Place a complete value where it belongs."""
        if anchor:
            self._anchors[anchor] = item
        if not self._stack:
            self._value = item.value
            self._lines[()] = line
            return
        frame = self._stack[-1]
        self._charge(frame, item, line)
        self._lines.setdefault(frame.inner_path(), line)
        if not self._in_mapping():
            frame.value.append(item.value)
            return
        if frame.key == "<<":
            frame.merges += self._mergeable(item.value, line)
        else:
            frame.value[frame.key] = item.value
        frame.key = None

    def _charge(self, frame: _Frame, item: _Anchored, line: int) -> None:
        frame.size += item.size
        frame.nodes += item.nodes
        if frame.size > MAX_OBJECT or frame.nodes > MAX_NODES:
            fix = "write less into one object; code can be fetched from an URL instead"
            raise Refused("is too large, with all that its aliases stand for", fix, line)

    def _mergeable(self, value: Any, line: int) -> list[dict[str, Any]]:
        merged = value if isinstance(value, list) else [value]
        if not all(isinstance(one, dict) for one in merged):
            raise Refused("<< merges mappings only", "give it an alias of a mapping", line)
        return merged
