"""What the code defines and says, read from its text: names, and the sentences of its messages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.unit.docs.pages import ROOT

PACKAGES = ("tidegate", "gateway", "controllers", "runtimes")
GAP = "…"
"""Stands for what a message fills in."""

_PERCENT = re.compile(r"%[-+ #0]*[0-9.]*[a-z]")


def defines(file: Path, name: str) -> bool:
    """Say whether `file` defines `name`: a function, a class, a constant, or `Class.member`."""
    body: list[ast.stmt] = parsed(file).body
    *owners, last = name.split(".")
    for owner in owners:
        found = [one for one in body if isinstance(one, ast.ClassDef) and one.name == owner]
        if not found:
            return False
        body = found[0].body
    return last in set(_names(body))


@cache
def members() -> dict[str, set[str]]:
    """Return the names below each class of the packages, and their instances' attributes."""
    found: dict[str, set[str]] = {}
    for file in files():
        for node in ast.walk(parsed(file)):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, set()).update(_names(node.body), _attributes(node))
    return found


@cache
def messages() -> list[str]:
    """Return every text of the code, with a gap for each value that it fills in."""
    return [text for file in files() for text in _texts(parsed(file))]


def files() -> Iterator[Path]:
    """Yield every Python file of the packages."""
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


@cache
def parsed(file: Path) -> ast.Module:
    """Return the syntax tree of `file`."""
    return ast.parse(file.read_text(encoding="utf-8"))


def _names(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (one.id for one in targets if isinstance(one, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def _attributes(node: ast.ClassDef) -> Iterator[str]:
    for one in ast.walk(node):
        match one:
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield name


def _texts(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield _closed("".join(_part(value) for value in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield _closed(_PERCENT.sub(GAP, node.value))


def _part(value: ast.expr) -> str:
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value
    return GAP


def _closed(text: str) -> str:
    """Join neighbouring gaps, and line ends to spaces."""
    return re.sub(rf"{GAP}+", GAP, " ".join(text.split()))
