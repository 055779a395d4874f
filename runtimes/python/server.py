"""The entry, `python server.py`: the folder stands alone, with the standard library, anywhere."""

import os
import sys
from importlib import import_module
from types import ModuleType

PACKAGE = "tidegate_runtime"


def main(arguments: list[str], worker: str = "python.worker") -> int:
    """Run the front, or with `--worker` one worker of it, and return the exit code.

    A server that is built on this one, in a folder beside it, names its own `worker`.
    """
    name_the_folder(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    role = worker if arguments[:1] == ["--worker"] else "python.start"
    code: int = import_module(f"{PACKAGE}.{role}").main(arguments[1:])
    return code


def name_the_folder(folder: str) -> None:
    """Make the folder above importable as a package, and its files invisible to other imports.

    A script's folder heads sys.path: a function's `import metrics` would find ours.
    """
    package = ModuleType(PACKAGE)
    package.__path__ = [folder]
    sys.modules[PACKAGE] = package
    del sys.path[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
