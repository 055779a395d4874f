"""Finds the function that the environment names."""

import os
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

Function = Callable[[dict[str, Any], dict[str, Any]], Any]
Loader = Callable[[str, str, str], Function]
"""From a folder, a module and a handler to the function; raises LoadError."""

SERVERS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")
"""This server's folder, and of those that are built on it."""

_CO_COROUTINE = 0x80
_CO_ASYNC_GENERATOR = 0x200


class LoadError(Exception):
    """The function cannot be loaded; the message is one sentence for its author."""


def load(folder: str, module_name: str, handler: str) -> Function:
    """The function `handler` of `folder/module_name.py`."""
    path = os.path.join(folder, f"{module_name}.py")
    if not os.path.isfile(path):
        raise LoadError(f"loading {module_name}.{handler}: there is no file {path}")
    module = run_module(path, module_name, handler)
    function = getattr(module, handler, None)
    if function is None:
        raise LoadError(f"loading {module_name}.{handler}: {path} defines no {handler!r}")
    if not callable(function):
        raise LoadError(f"loading {module_name}.{handler}: {handler!r} in {path} is not a function")
    return function  # type: ignore[no-any-return]  # callable() cannot tell the signature


def run_module(path: str, module_name: str, handler: str) -> ModuleType:
    """Execute the file as a module, with its folder on the import path.

    A file may bear the name of a standard module (`queue.py`): such a one is not registered,
    or the standard library would find it instead of its own.
    """
    sys.path.insert(0, os.path.dirname(path))
    spec = spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise LoadError(f"loading {module_name}.{handler}: {path} is not a Python file")
    module = module_from_spec(spec)
    if module_name not in sys.stdlib_module_names:
        sys.modules[module_name] = module
    else:
        sys.path.append(sys.path.pop(0))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        write_traceback(error)
        raise LoadError(
            f"loading {module_name}.{handler}: {path} failed at import: "
            f"{type(error).__name__}: {one_line(error)}"
        ) from error
    return module


def is_concurrent(function: Function) -> bool:
    """Whether the function, or the one it wraps, is `async`."""
    inner: Any = function
    while hasattr(inner, "__wrapped__"):
        inner = inner.__wrapped__
    if hasattr(inner, "func"):
        inner = inner.func
    if not hasattr(inner, "__code__"):
        inner = type(inner).__call__
    code = getattr(inner, "__code__", None)
    return code is not None and bool(code.co_flags & (_CO_COROUTINE | _CO_ASYNC_GENERATOR))


def one_line(error: BaseException) -> str:
    """The error's text on one line of bounded length."""
    return " ".join(str(error).split())[:500]


def write_traceback(error: BaseException) -> None:
    """The error's traceback on stderr, from the function's own code on; nothing without any."""
    import traceback  # only failures pay for it

    inner = error.__traceback__
    while inner is not None and own_frame(inner.tb_frame.f_code.co_filename):
        inner = inner.tb_next
    if inner is None:
        return
    sys.stderr.write("".join(traceback.format_exception(type(error), error, inner)))
    sys.stderr.flush()


def own_frame(filename: str) -> bool:
    """Whether a frame is the server's or the import machinery's."""
    return filename.startswith("<frozen") or filename.startswith(SERVERS)
