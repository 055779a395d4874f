"""What stands between a function and its processes, by the decision that follows."""

from __future__ import annotations


class PreparationFailed(Exception):
    """Something outside failed (a download, an installer): worth another attempt later."""


class StartFailed(Exception):
    """A process did not become ready; the message says why."""
