"""Writes docs/cli.md from what each verb's `--help` says: `python -m tests.unit.docs.generate`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from tests.unit.docs.pages import ROOT
from tidegate.cli.app import app

PAGE = ROOT / "docs" / "cli.md"
WIDTH = 80
PREFACE = """\
# The command

What `--help` says of each verb. Written by `python -m tests.unit.docs.generate`; a test fails when
the two differ.

Results go to stdout and messages to stderr. `--output json` and `--output yaml` are for programs.
The exit codes are 0 done, 1 it failed, 2 wrong usage or input, 3 nothing answers, 130 aborted.
Colour is used on a terminal only. `tidegate completion SHELL` prints the completion script of a
shell, which completes verbs, options and the names of functions.

| verb | what it does |
|---|---|
"""


def rendered() -> str:
    """Return the page."""
    verbs = list(_verbs())
    rows = (f"| [`{name}`](#{_anchor(name)}) | {_summary(verb)} |\n" for name, verb, _ in verbs)
    texts = (_section(*verb) for verb in verbs)
    return PREFACE + "".join((*rows, *texts))


def _section(name: str, verb: Any, context: Any) -> str:
    return f"\n## {name}\n\n```text\n{_help(verb, context)}\n```\n"


def _verbs() -> Iterator[tuple[str, Any, Any]]:
    """Yield each verb that is no group, with its whole name and its context."""
    root = get_command(app)
    yield from _below(root, _context(root, "tidegate", None))


def _below(group: Any, context: Any) -> Iterator[tuple[str, Any, Any]]:
    for name in group.list_commands(context):
        verb = group.get_command(context, name)
        inner = _context(verb, name, context)
        if verb.hidden:
            continue
        if hasattr(verb, "list_commands"):
            yield from _below(verb, inner)
        else:
            yield inner.command_path, verb, inner


def _context(verb: Any, name: str, parent: Any) -> Any:
    settings = {"terminal_width": WIDTH, "max_content_width": WIDTH, **verb.context_settings}
    return verb.context_class(verb, info_name=name, parent=parent, **settings)


def _help(verb: Any, context: Any) -> str:
    text: str = verb.get_help(context)
    return "\n".join(line.rstrip() for line in text.strip().split("\n"))


def _summary(verb: Any) -> str:
    """Return the first sentence of what it says of itself."""
    first = " ".join((verb.help or "–").strip().split("\n\n")[0].split())
    return first.replace("|", "\\|")


def _anchor(name: str) -> str:
    return name.replace(" ", "-")
