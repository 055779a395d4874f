"""Which runtimes exist, and what each needs to run a function. It describes; others run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

PYTHON_SERVER = Path(__file__).parent / "python" / "server.py"
EXEC_SERVER = Path(__file__).parent / "exec" / "server.py"

FUNCTION_FOLDER = "/kubeless"
"""Where a pod finds the function; the laptop sets KUBELESS_INSTALL_VOLUME to its own folder."""


class UnknownRuntime(LookupError):
    """No runtime has this name; the message says which are near, or which exist."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """One runtime.

    `command[0]` is the interpreter's name, to be found on PATH or in the image; `server` is the
    server's file in this installation, and the rest of `command` its place in the image.
    """

    name: str
    language: str
    version: str
    file_suffix: str
    deps_file: str
    image: str
    command: tuple[str, ...]
    server: Path
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Choice:
    """The runtime for a requested name, and a sentence when it is not the one asked for."""

    runtime: Runtime
    warning: str | None = None


def python_runtime(version: str) -> Runtime:
    """The Python runtime of one version."""
    packages = f"{FUNCTION_FOLDER}/lib/python{version}/site-packages"
    return Runtime(
        name=f"python{version}",
        language="python",
        version=version,
        file_suffix=".py",
        deps_file="requirements.txt",
        image=f"tidegate/python:{version}",
        command=(f"python{version}", "/tidegate/python/server.py"),
        server=PYTHON_SERVER,
        env=MappingProxyType({"PYTHONPATH": f"{packages}:{FUNCTION_FOLDER}"}),
    )


RUNTIMES: Mapping[str, Runtime] = MappingProxyType(
    {f"python{version}": python_runtime(version) for version in ("3.11", "3.12", "3.13")}
)

SUCCESSORS: Mapping[str, str] = MappingProxyType(
    {
        f"python{version}": "python3.11"
        for version in ("2.7", "3.4", "3.5", "3.6", "3.7", "3.8", "3.9", "3.10")
    }
)
"""Names whose interpreters have ended, most of them Kubeless's, and who runs their functions."""


def find(name: str) -> Choice:
    """The runtime for a name; raises UnknownRuntime."""
    if name in RUNTIMES:
        return Choice(RUNTIMES[name])
    if name in SUCCESSORS:
        return Choice(RUNTIMES[SUCCESSORS[name]], succession(name, SUCCESSORS[name]))
    raise UnknownRuntime(unknown(name))


def succession(name: str, successor: str) -> str:
    """What the author of a function with an old runtime should know."""
    sentence = f"runtime {name} has ended: {successor} runs the function; set runtime: {successor}"
    if name == "python2.7":
        sentence += ", and write the function in Python 3"
    return sentence


def unknown(name: str) -> str:
    """Which runtime could be meant."""
    near = get_close_matches(name, RUNTIMES, n=3, cutoff=0.75)
    if near:
        return f"there is no runtime {name!r}: did you mean {' or '.join(near)}?"
    return f"there is no runtime {name!r}: set runtime to one of {', '.join(RUNTIMES)}"
