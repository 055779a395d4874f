"""A server, or its worker, that is loaded before it knows its function."""

import json
import os
import sys

VARIABLE = "FUNC_WARM"


def is_asked_for() -> bool:
    """Whether this process shall wait for its function."""
    return os.environ.get(VARIABLE, "") == "1"


def orders() -> str:
    """The line that says what to become; empty when there will be none. Waits for it."""
    line = sys.stdin.readline()
    # What the function reads of stdin is what it would read in a cold start.
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    return line


def become(line: str) -> None:
    """Take the environment and the folder of `line`, in place of the process's own."""
    told = json.loads(line)
    os.environ.clear()
    os.environ.update(told["env"])
    os.chdir(told["folder"])
