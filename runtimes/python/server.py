"""The entry, `python server.py`: the folder stands alone, with the standard library, anywhere."""

import os
import sys
from importlib import import_module
from types import ModuleType

PACKAGE = "tidegate_runtime"


def main(arguments: list[str]) -> int:
    """Run the front, or with `--worker` one worker of it, and return the exit code."""
    name_the_folder(os.path.dirname(os.path.abspath(__file__)))
    role = "worker" if arguments[:1] == ["--worker"] else "start"
    code: int = import_module(f"{PACKAGE}.{role}").main(arguments[1:])
    return code


def name_the_folder(folder: str) -> None:
    """Make the folder importable as a package, and its files invisible to `import` in a function.

    A script's folder heads sys.path: a function's `import metrics` would find ours.
    """
    package = ModuleType(PACKAGE)
    package.__path__ = [folder]
    sys.modules[PACKAGE] = package
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != folder]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
