"""Runs what a Deployment says as processes of this machine: no images, its commands and variables.

What an image would hold is taken from this tree: the runtime's files, and the command of its
Dockerfile. Folders of the pod become folders of the test.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from controllers.desired.config import ControllerConfig
from controllers.desired.function import desired_objects
from runtimes.catalog import find
from runtimes.runtime import FOLDER, FUNCTION_FOLDER, IMAGE_FOLDER
from tests.support.functions import by_kind
from tidegate.api.function import Function

PATIENCE = 50.0
MACHINE = ("PATH", "HOME", "GOPATH", "GOCACHE", "JAVA_HOME")

Container = Mapping[str, Any]


class PodHere:
    """One pod of a function, below `root`."""

    def __init__(self, function: Function, root: Path, machine: Mapping[str, str]) -> None:
        objects = by_kind(desired_objects(function, ControllerConfig()))
        self._spec = objects["Deployment"]["spec"]["template"]["spec"]
        self._language = find(function.spec.runtime).runtime.language
        self._machine = {name: machine[name] for name in MACHINE if name in machine}
        self._places = {
            FUNCTION_FOLDER: str(root / "kubeless"),
            "/src": str(root / "src"),
            "/tmp": str(root / "tmp"),
            IMAGE_FOLDER: str(FOLDER),
        }
        for folder in ("kubeless", "src", "tmp"):
            (root / folder).mkdir(parents=True)
        for name, text in objects["ConfigMap"]["data"].items():
            (root / "src" / name).write_text(text)
        self._folder = root / "kubeless"

    def prepare(self) -> None:
        """Run the init containers, one after the other; each must succeed."""
        for container in self._spec["initContainers"]:
            done = subprocess.run(
                [self._here(word) for word in self._command(container)],
                cwd=self._folder,
                env=self._env(container),
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
            assert done.returncode == 0, f"{container['name']}: {done.stdout}{done.stderr}"

    @contextmanager
    def serving(self, port: int) -> Iterator[subprocess.Popen[bytes]]:
        """The function's container, on a port of this machine instead of the pod's own."""
        container = self._spec["containers"][0]
        env = {**self._env(container), "FUNC_PORT": str(port), "FUNC_HOST": "127.0.0.1"}
        command = [self._program(word) for word in self._entrypoint()]
        process = subprocess.Popen(command, cwd=self._folder, env=env)
        try:
            yield process
        finally:
            process.kill()
            process.wait(PATIENCE)

    def env(self) -> dict[str, str]:
        """The variables of the function's container, as the Deployment has them."""
        return {each["name"]: each["value"] for each in self._spec["containers"][0]["env"]}

    def _env(self, container: Container) -> dict[str, str]:
        given = {each["name"]: self._here(each["value"]) for each in container["env"]}
        return {**self._machine, **given, "HOME": self._machine["HOME"]}

    def _command(self, container: Container) -> list[str]:
        return [*container["command"], *container["args"]]

    def _entrypoint(self) -> list[str]:
        """The last ENTRYPOINT of the runtime's Dockerfile."""
        text = (FOLDER / self._language / "Dockerfile").read_text()
        found: list[str] = json.loads(re.findall(r"^ENTRYPOINT (\[.*\])$", text, re.MULTILINE)[-1])
        return found

    def _program(self, word: str) -> str:
        if word == "python":
            return sys.executable
        return shutil.which(word) or self._here(word)

    def _here(self, text: str) -> str:
        """Put the test's folders where `text` has those of a pod."""
        theirs = "|".join(map(re.escape, self._places))
        pattern = rf"(?<![\w.])(?:{theirs})(?=[/:}}\"']|$)"
        return re.sub(pattern, lambda match: self._places[match[0]], text)
