"""The worker: Python's, whose function runs a program."""

import os

from ..python.load import Function, LoadError
from ..python.worker import main as serve
from .program import Program


def main(arguments: list[str]) -> int:
    """Answer calls until the front closes the channel."""
    return serve(arguments, load)


def load(folder: str, module_name: str, handler: str) -> Function:
    """The function that runs the file `module_name` of the folder with `handler` as its argument.

    Raises LoadError.
    """
    path = os.path.join(folder, module_name)
    if not os.path.isfile(path):
        raise LoadError(f"loading {module_name}.{handler}: there is no file {path}")
    return Program(command(path, f"{module_name}.{handler}"), handler)


def command(path: str, title: str) -> tuple[str, ...]:
    """What runs the file: itself, or the interpreter of its first line.

    A mounted file is seldom executable, and a volume may forbid it.
    """
    with open(path, "rb") as file:
        start = file.read(256)
    if start.startswith(b"#!"):
        words = start[2:].partition(b"\n")[0].decode("utf-8", "replace").split(None, 1)
        if not words:
            raise LoadError(f"loading {title}: the first line of {path} names no interpreter")
        return (*(word.strip() for word in words), path)
    if not os.access(path, os.X_OK):
        raise LoadError(
            f"loading {title}: {path} is not executable and has no first line like #!/bin/sh: "
            "add one, or pack the program into an archive that keeps its mode"
        )
    return (path,)
