"""The entry, `python server.py`: Python's server with a worker that runs a program per call."""

import os
import sys
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

PYTHON = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "python")
CONCURRENCY = "10"
"""Each call is a process: fewer at once than calls of an async function."""


def main(arguments: list[str]) -> int:
    """Run the front, or with `--worker` one worker of it, and return the exit code."""
    os.environ["FUNC_CONCURRENCY"] = os.environ.get("FUNC_CONCURRENCY") or CONCURRENCY
    code: int = python_server().main(arguments, worker="exec.worker")
    return code


def python_server() -> ModuleType:
    """The entry of Python's server, which stands beside this folder."""
    spec = spec_from_file_location("python_server", os.path.join(PYTHON, "server.py"))
    if spec is None or spec.loader is None:
        raise ImportError(f"the server for programs needs that for Python in {PYTHON}")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
