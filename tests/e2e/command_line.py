"""The command as one person uses it: with the context of this machine, or rights of their own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.cluster import COMMAND, PATIENCE, Cluster, eventually


@dataclass(frozen=True, slots=True)
class Person:
    """Who types; `where` are the options that say which cluster, and as whom."""

    cluster: Cluster
    where: tuple[str, ...]

    def types(self, *words: str, fails: bool = False) -> str:
        """Run the command in the namespace of the functions, and return what it prints."""
        return self.cluster.tidegate(*words, *self._place, fails=fails)

    def reads(self, *words: str) -> Any:
        """Run it and return what it tells programs, which is not what it tells people meanwhile."""
        command = [str(COMMAND), *words, "--output", "json", *self._place]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
        return json.loads(done.stdout)

    def deploys(self, name: str, file: Path) -> None:
        """Make a function of the file NAME.py, and wait until it takes calls."""
        what = ("--runtime", "python3.11", "--handler", f"{name}.run", "--from-file", str(file))
        image = self.cluster.images.python
        words = (*what, "--runtime-image", image) if image else what
        assert f"Function {name} takes calls" in self.types("function", "deploy", name, *words)

    @contextmanager
    def follows(self, file: Path, *words: str) -> Iterator[Followed]:
        """Run it for the length of the block; what it prints goes to `file`."""
        with file.open("w") as log:
            process = subprocess.Popen(
                [COMMAND, *words, *self._place], stdout=log, stderr=subprocess.STDOUT
            )
            try:
                yield Followed(file, process)
            finally:
                process.terminate()
                process.wait(timeout=30)

    @property
    def _place(self) -> tuple[str, ...]:
        return ("--namespace", self.cluster.namespace, *self.where)


@dataclass(frozen=True, slots=True)
class Followed:
    """A command that runs on."""

    file: Path
    process: subprocess.Popen[bytes]

    def until(self, text: str) -> None:
        """Return once it has printed `text`."""
        eventually(lambda: text in self.said or self._has_ended, f"it never says {text!r}")
        assert text in self.said, f"it ended and had said: {self.said}"

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return self.file.read_text()

    @property
    def _has_ended(self) -> bool:
        return self.process.poll() is not None


def owner(cluster: Cluster) -> Person:
    """Return who made the cluster, and may do everything."""
    context = cluster.kubectl("config", "current-context").strip()
    return Person(cluster, ("--context", context))


def account(cluster: Cluster, name: str, role: str, folder: Path) -> Person:
    """Return a new person who has a ClusterRole in the namespace of the functions."""
    cluster.kubectl("create", "serviceaccount", name)
    cluster.kubectl(
        *("create", "rolebinding", name, f"--clusterrole={role}"),
        f"--serviceaccount={cluster.namespace}:{name}",
    )
    config = json.loads(cluster.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
    token = cluster.kubectl("create", "token", name).strip()
    config["users"][0]["user"] = {"token": token}
    file = folder / f"{name}.kubeconfig"
    file.touch(mode=0o600)
    file.write_text(json.dumps(config))
    return Person(cluster, ("--kubeconfig", str(file)))
