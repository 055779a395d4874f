"""Writes docs/regressions.md from the markers of the tests: `python -m` this module."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from typing import NamedTuple

from tests.unit.docs.pages import ROOT
from tests.unit.docs.sources import parsed

PAGE = ROOT / "docs" / "regressions.md"
MARKER = "pytest.mark.regression"
PREFACE = """\
# Regressions

Known defects of peers and traps of the libraries in use, and the tests which show that this gateway
does not have them. Written by `python -m tests.unit.docs.regressions_page` from the `regression`
markers of the tests; a test fails when the two differ.

| system | defect | shown by |
|---|---|---|
"""


class Regression(NamedTuple):
    """One marker: whose defect, which, and the test that has it."""

    system: str
    defect: str
    shown_by: str


def rendered() -> str:
    """Return the page."""
    rows = sorted(set(regressions()), key=lambda one: (one.system.lower(), *one))
    return PREFACE + "".join(
        f"| {one.system} | {one.defect} | `{one.shown_by}` |\n" for one in rows
    )


def regressions() -> Iterator[Regression]:
    """Yield every marker of the tests."""
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(parsed(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for text in _marks(node):
                    yield _regression(text, f"{file.relative_to(ROOT)}: {node.name}")


def _marks(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for decorator in node.decorator_list:
        match decorator:
            case ast.Call(func=func, args=[ast.Constant(value=str(text))]) if (
                ast.unparse(func) == MARKER
            ):
                yield text


def _regression(text: str, shown_by: str) -> Regression:
    system, colon, defect = text.partition(": ")
    if not (colon and defect):
        raise ValueError(f"{shown_by}: the marker says {text!r}; write '<system>: <defect>'")
    return Regression(system, defect.replace("|", "\\|"), shown_by)


if __name__ == "__main__":
    PAGE.write_text(rendered(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}\n")
