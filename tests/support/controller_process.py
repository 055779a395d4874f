"""`tidegate controller` as a process of its own, which a test may kill or stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import yaml

from tests.support.logged_process import LoggedProcess
from tidegate.kube.objects import Object

LEASE = 4
"""Seconds until the work of a process that is killed is taken over."""


class ControllerProcess(LoggedProcess):
    """A controller, which may also be made to stand still."""

    async def says(self, *texts: str) -> None:
        """Return once the log has one of `texts`, or the process has ended."""
        await self.said(*texts)

    def stop(self) -> None:
        """Have it stand still, as a machine without a processor to spare would."""
        self.send(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self.send(signal.SIGCONT)


def kubeconfig_of(url: str, token: str, path: Path, authority: Path | None = None) -> Path:
    """Write how to reach an API server with a token."""
    cluster: Object = {"server": url}
    if authority is not None:
        cluster["certificate-authority"] = str(authority)
    config: Object = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    }
    path.write_text(yaml.safe_dump(config))
    return path


@asynccontextmanager
async def controller_process(
    kubeconfig: Path, namespace: str, home: str, name: str
) -> AsyncIterator[ControllerProcess]:
    """A controller of one namespace that lives in another, for the length of the block."""
    one = await ControllerProcess.started(
        "controller",
        *("--kubeconfig", str(kubeconfig), "--name", name),
        *("--namespace", namespace, "--home", home, "--lease-duration", str(LEASE)),
        *("--host", "127.0.0.1", "--admin-port", "0"),
    )
    reading = asyncio.create_task(one.read(), name=f"log of {name}")
    try:
        yield one
    finally:
        one.kill()
        await reading
