"""`tidegate version`."""

from __future__ import annotations

from tidegate import __version__
from tidegate.cli.output import write


def version() -> None:
    """Print the version."""
    write(f"tidegate {__version__}")
