"""The whole command line: every verb, for who looks at all of them."""

from __future__ import annotations

from tidegate.cli.verbs import application, run

__all__ = ["app", "run"]

app = application()
