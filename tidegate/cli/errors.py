"""How the command ends: its exit codes, and the one error that carries them."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes, the same for every verb. Scripts may rely on them."""

    OK = 0
    FAILURE = 1
    """It was tried and failed: a call failed, a manifest is wrong, a port is taken."""
    USAGE = 2
    """The command line or its input is wrong: an option, a name, an expression, a path."""
    UNREACHABLE = 3
    """Nothing answers: no `tidegate up` runs here, or the broker cannot be reached."""
    ABORTED = 130
    """Ended by a second Ctrl-C, before everything had drained."""


class CommandError(Exception):
    """A sentence for the user, and the exit code that goes with it."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILURE) -> None:
        super().__init__(message)
        self.code = code
