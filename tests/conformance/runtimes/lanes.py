"""The languages of the suite: what starts each server, and what each language has no notion of."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runtimes.runtime import FOLDER as RUNTIMES

FUNCTIONS = Path(__file__).parent / "functions"


@dataclass(frozen=True, slots=True)
class Served:
    """The command of a server, and the variables that tell it where its function is."""

    command: tuple[str, ...]
    env: Mapping[str, str]


Build = Callable[[Path, str, str], Served]
"""From a folder to keep builds in, a module and an entry to a server that was built for them,
once per folder and entry."""


@dataclass(frozen=True)
class Lane:
    """One language. `build` makes a server that has its function compiled in; without it
    `command` loads the files of `functions/<name>`."""

    name: str
    command: tuple[str, ...]
    suffix: str
    failure: str
    """What the log calls the suite's own failure: the kind of error and its text."""

    entry: Callable[[str], str] = lambda handler: handler
    """From the suite's name of a function to that in the language: Go's are capitalised."""

    cannot: frozenset[str] = frozenset()
    """What the language has no notion of, whose tests are left out. Of: async, block, catch exit,
    crash, fork, import, print, raise answers, state, swallow, trace, unwind."""

    warms: bool = False
    """Whether its server can be loaded before it knows its function."""

    build: Build | None = None
    programs: tuple[str, ...] = field(default=())
    """What must be on PATH beside the command."""

    @property
    def beyond(self) -> frozenset[str]:
        """The abilities whose tests are left out."""
        return self.cannot if self.warms else self.cannot | {"warm start"}

    @property
    def functions(self) -> Path:
        """The folder of the suite's functions in this language."""
        return FUNCTIONS / self.name

    @property
    def missing(self) -> str | None:
        """Why the lane is left out, if it is."""
        for program in (*self.command[:1], *self.programs):
            if shutil.which(program) is None:
                return f"{self.name}: there is no {program} on this machine"
        return None

    def served(self, module: str, handler: str, builds: Path) -> Served:
        """What starts a server for one of the suite's functions."""
        if self.build is not None:
            return self.build(builds, module, self.entry(handler))
        return Served(self.command, {"KUBELESS_INSTALL_VOLUME": str(self.functions)})


def build_go(builds: Path, module: str, entry: str) -> Served:
    """The suite's function and its server, in a folder of their own."""
    folder = builds / f"{module}-{entry}"
    folder.mkdir(exist_ok=True)
    file = FUNCTIONS / "go" / f"{module}.go"
    if file.exists():
        shutil.copy(file, folder)
    return build_go_in(folder, module, entry)


def build_go_in(folder: Path, module: str, entry: str) -> Served:
    """A function and its server; where it cannot be built, the build that says why."""
    build = str(RUNTIMES / "go" / "build")
    env = {"KUBELESS_INSTALL_VOLUME": str(folder)}
    server = folder / "server"
    if not server.exists():
        names = {"MOD_NAME": module, "FUNC_HANDLER": entry}
        subprocess.run([build], env={**os.environ, **env, **names}, capture_output=True)
    return Served((str(server) if server.exists() else build,), env)


def build_java(builds: Path, _module: str, _entry: str) -> Served:
    """The server, and all functions of the suite: they are compiled together."""
    folder = builds / "functions"
    env = {"KUBELESS_INSTALL_VOLUME": str(folder)}
    if not folder.exists():
        shutil.copytree(FUNCTIONS / "java", folder)
        subprocess.run([str(RUNTIMES / "java" / "compile")], env={**os.environ, **env}, check=True)
    return Served((str(folder / "server"),), env)


PYTHON = Lane(
    "python",
    (sys.executable, str(RUNTIMES / "python" / "server.py")),
    ".py",
    failure="ValueError: the reason",
    warms=True,
)

EXEC = Lane(
    "exec",
    (sys.executable, str(RUNTIMES / "exec" / "server.py")),
    "",
    failure="ProgramFailed: contract exited with code 1",
    cannot=frozenset(
        (
            "async",
            "block",
            "catch exit",
            "fork",
            "import",
            "print",
            "raise answers",
            "state",
            "trace",
        )
    ),
    programs=("perl",),
)

RUBY = Lane(
    "ruby",
    ("ruby", "--disable-gems", str(RUNTIMES / "ruby" / "server.rb")),
    ".rb",
    failure="ArgumentError: the reason",
    cannot=frozenset(("async",)),
)

NODEJS = Lane(
    "nodejs",
    ("node", str(RUNTIMES / "nodejs" / "server.js")),
    ".js",
    failure="TypeError: the reason",
    cannot=frozenset(("fork", "unwind")),
    warms=True,
)

GO = Lane(
    "go",
    ("go",),
    ".go",
    failure="panic: the reason",
    entry=lambda handler: handler[:1].upper() + handler[1:],
    cannot=frozenset(("async", "catch exit", "fork", "unwind")),
    build=build_go,
)

PHP = Lane(
    "php",
    ("php", str(RUNTIMES / "php" / "server.php")),
    ".php",
    failure="InvalidArgumentException: the reason",
    entry=lambda handler: "echoed" if handler == "echo" else handler,
    cannot=frozenset(("async", "catch exit")),
)

JAVA = Lane(
    "java",
    ("java",),
    ".java",
    failure="java.lang.IllegalArgumentException: the reason",
    cannot=frozenset(("catch exit", "fork", "unwind")),
    build=build_java,
    programs=("javac",),
)

LANES = (PYTHON, EXEC, RUBY, PHP, NODEJS, GO, JAVA)
