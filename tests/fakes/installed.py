"""Servers for tests that are no dependency of ours: installed once, outside the tree."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from tests.fakes.kept import cache_folder, filled

DEADLINE = 180.0
"""For one installation; a machine without a package source shall say so, not hang."""


class NotToBeHad(Exception):
    """The server cannot be installed here; the message says why."""


@cache
def node_package(folder: Path) -> Path:
    """Return a folder in which the packages that `folder`/package.json pins are installed."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise NotToBeHad("Node.js and npm are not installed")
    manifest = (folder / "package.json").read_text()
    command = ["npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"]
    return installed("node", {"package.json": manifest}, [command])


@cache
def python_package(*requirements: str) -> Path:
    """Return a virtual environment of its own that has `requirements`."""
    pip = ["bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    commands = [[sys.executable, "-m", "venv", "--copies", "."], [*pip, *requirements]]
    return installed("python", {"requirement.txt": "\n".join(requirements)}, commands)


@cache
def maven_repository(pom: str) -> Path:
    """Return a folder of all that Maven fetches to compile what `pom` describes."""
    if shutil.which("mvn") is None:
        raise NotToBeHad("Maven is not installed")
    command = ["mvn", "--batch-mode", "--quiet", "-Dmaven.repo.local=repository"]
    goals = ["process-classes", "dependency:copy-dependencies"]
    return installed("maven", {"pom.xml": pom}, [[*command, *goals]]) / "repository"


@cache
def debian_packages(*names: str) -> Path:
    """Return a folder into which these packages of Debian alone are unpacked, as into a root."""
    commands = [
        ["apt-get", "download", *names],
        ["sh", "-c", 'for one in *.deb; do dpkg-deb --extract "$one" . && rm "$one"; done'],
    ]
    return installed("debian", {"packages.txt": "\n".join(names)}, commands)


def installed(kind: str, files: Mapping[str, str], commands: Sequence[Sequence[str]]) -> Path:
    """Return a folder that `commands` made of `files`; it appears whole or not at all, however
    many do it at once.
    """
    digest = hashlib.sha256(repr((sys.version, sorted(files.items()))).encode()).hexdigest()
    target = cache_folder() / f"{kind}-{digest[:16]}"
    if target.exists():
        return target
    with filled(target) as fresh:
        for name, text in files.items():
            (fresh / name).write_text(text)
        for command in commands:
            _run(command, fresh)
    return target


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=DEADLINE)
    except (OSError, subprocess.SubprocessError) as error:
        raise NotToBeHad(f"{command[0]} could not install it: {error}") from error
