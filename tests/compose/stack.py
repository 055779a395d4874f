"""What docker-compose.yml starts, as its user sees it: by the command, and by its ports."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable
from typing import Any

from tests.unit.compose.files import ROOT, SERVICES

PROJECT = "tidegate-test"
"""Of its own: the volumes of who uses the file are not ours to remove."""

PATIENCE = 600.0
"""Seconds for an image to be built and for everything to be healthy."""


class Stack:
    """One project of Compose, and functions that only tests need."""

    def __init__(self) -> None:
        files = f"docker-compose.yml{os.pathsep}tests/compose/slow.yml"
        self._environment = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": PROJECT,
            "COMPOSE_FILE": files,
        }

    def compose(self, *words: str) -> str:
        """Run `docker compose` and return what it prints; raise with what it says when it fails."""
        return self._run(["docker", "compose", *words])

    def shell(self, line: str) -> str:
        """Run a line of a page of the documentation."""
        return self._run(["bash", "-o", "pipefail", "-c", line])

    def build(self) -> None:
        """Build what is built of the tree."""
        self.compose("build", "--quiet")

    def up(self, *services: str) -> None:
        """Start what does not run, of images that are there; return when it is healthy."""
        try:
            self.compose("up", "--detach", "--wait", "--no-build", *services)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()[-4000:]}") from None

    def states(self) -> dict[str, str]:
        """Return the health of each service, or how it ended."""
        lines = self.compose("ps", "--all", "--format", "json").splitlines()
        return {one["Service"]: _state(one) for one in map(json.loads, lines)}

    def log(self) -> str:
        """Return what the gateway and its functions have printed."""
        return self.compose("logs", "--no-log-prefix", "gateway")

    def says(self, text: str) -> None:
        """Return once the gateway's log has `text`."""
        eventually(lambda: text in self.log(), f"no {text!r} in the log")

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, f"{command[-1]}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done.stdout


def address(service: str, place: int = 0) -> str:
    """Return where a service is on this machine."""
    published: str = SERVICES[service]["ports"][place]
    return published.rpartition(":")[0]


def fetched(url: str, body: bytes | None = None) -> str:
    """Return what is answered to a GET, or to a POST of `body`."""
    with urllib.request.urlopen(url, body, timeout=60) as response:
        answer: bytes = response.read()
    return answer.decode()


def asked(query: str) -> list[Any]:
    """Return what Prometheus answers to a query without characters to be escaped."""
    url = f"http://{address('prometheus')}/api/v1/query?query={query}"
    found: list[Any] = json.loads(fetched(url))["data"]["result"]
    return found


def eventually(look: Callable[[], Any], otherwise: str, patience: float = 90.0) -> None:
    """Return once `look` holds: it asks processes that tell nobody."""
    deadline = time.monotonic() + patience
    while not look():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.5)


def _state(container: dict[str, Any]) -> str:
    return container["Health"] or f"{container['State']} {container['ExitCode']}"
