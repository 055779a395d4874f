"""What a runtime is: a description that laptops, pods and people read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

FOLDER = Path(__file__).parent

FUNCTION_FOLDER = "/kubeless"
"""Where a pod finds the function; the laptop sets KUBELESS_INSTALL_VOLUME to its own folder."""

IMAGE_FOLDER = "/tidegate"
"""Where an image has the files of runtimes, one folder a language."""

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Step:
    """What a function needs once, before it can run: a line for `/bin/sh`, and its image in a pod.

    The line runs in the function's folder and sees `KUBELESS_INSTALL_VOLUME`, which is that
    folder, `KUBELESS_DEPS_FILE`, `MOD_NAME`, `KUBELESS_FUNC_NAME`, and `TIDEGATE_RUNTIME`, the
    folder of the runtime's own files.
    """

    command: str
    image: str
    env: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class Places:
    """Where a runtime's own files are, and where the function is."""

    files: str
    function: str

    def filled(self, text: str) -> str:
        """Put the folders where `text` says `{files}` and `{function}`."""
        return text.replace("{files}", self.files).replace("{function}", self.function)


@dataclass(frozen=True, slots=True)
class Runtime:
    """One version of a language. `command` and `env` name folders as `{files}` and `{function}`."""

    name: str
    language: str
    version: str
    file_suffix: str
    deps_file: str
    image: str
    command: tuple[str, ...]
    """What starts the server; the first word is a program on PATH or a `{function}` file."""

    env: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    install: Step | None = None
    """Brings the dependencies of `deps_file` into the function's folder."""

    installed: tuple[str, ...] = ()
    """What `install` leaves there."""

    lock_files: tuple[str, ...] = ()
    """Files beside `deps_file` that decide what is installed."""

    compile: Step | None = None
    programs: tuple[str, ...] = ()
    """What a laptop must have on PATH."""

    own_variables: tuple[str, ...] = ()
    """How the variables begin that its interpreter reads; such a server can be started warm."""

    @property
    def files(self) -> Path:
        """The folder of the runtime's own files in this installation."""
        return FOLDER / self.language

    @property
    def in_a_pod(self) -> Places:
        """The folders in the runtime's image."""
        return Places(f"{IMAGE_FOLDER}/{self.language}", FUNCTION_FOLDER)

    def on_a_laptop(self, folder: Path) -> Places:
        """The folders in this installation, for a function in `folder`."""
        return Places(str(self.files), str(folder))


@dataclass(frozen=True, slots=True)
class Choice:
    """The runtime for a requested name, and a sentence when it is not the one asked for."""

    runtime: Runtime
    warning: str | None = None
