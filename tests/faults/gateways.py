"""Gateway processes, and what they say about themselves."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.faults.replica import Plan
from tests.faults.verdict import Sample

ROOT = Path(__file__).parents[2]
PERIOD = 0.25
"""Seconds between two looks at a gateway."""

PATIENCE = 60.0


class GatewayProcess:
    """One gateway. `metrics` are those of the last look, by name and by name and last label."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, log: Path) -> None:
        self.process = process
        self.log = log
        self.metrics: dict[str, float] = {}
        self._url = f"http://127.0.0.1:{port}/metrics"

    @property
    def name(self) -> str:
        """What it is called: the name of its folder."""
        return self.log.parent.name

    @property
    def running(self) -> bool:
        """Whether nobody ended it yet."""
        return self.process.returncode is None

    async def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        await self._ended()

    async def stop(self) -> None:
        """Drain it."""
        if self.running:
            self.process.send_signal(signal.SIGTERM)
        await self._ended()

    async def look(self, session: aiohttp.ClientSession) -> Sample | None:
        """Read its metrics and its memory; None when it is gone."""
        drift = in_flight = None
        with suppress(aiohttp.ClientError, TimeoutError):
            async with session.get(self._url) as answer:
                self.metrics = _metrics(await answer.text())
            drift = self.metrics.get("tidegate_accounting_drift")
            in_flight = _total(self.metrics, "tidegate_in_flight", "tidegate_uncommitted")
        resident = resident_bytes(self.process.pid) if self.running else 0
        return Sample(self.process.pid, resident, drift, in_flight) if resident else None

    async def _ended(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.process.wait()


@asynccontextmanager
async def gateway_process(plan: Plan, folder: Path) -> AsyncIterator[GatewayProcess]:
    """Run a gateway, whatever is left of it is killed at the end. Its files are in `folder`."""
    await asyncio.to_thread(folder.mkdir)
    path, log = folder / "plan", folder / "log"
    path.write_bytes(pickle.dumps(plan))
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.faults.replica", str(path), cwd=ROOT, env=_environment(),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=output,
        )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        async with asyncio.timeout(PATIENCE):
            line = await process.stdout.readline()
        assert line, log.read_text()
        yield GatewayProcess(process, int(line), log)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process.stdin.close()


def resident_bytes(pid: int) -> int:
    """Return the memory that a process has; 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    sizes = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(sizes[0]) << 10 if sizes else 0


def _environment() -> dict[str, str]:
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    return {**os.environ, **keys, "PYTHONUNBUFFERED": "1"}


def _total(metrics: dict[str, float], *names: str) -> float | None:
    """Return the sum of metrics; None where one of them is missing."""
    return sum(metrics[name] for name in names) if metrics.keys() >= set(names) else None


def _metrics(text: str) -> dict[str, float]:
    """Return the samples by name, and by `name/value` of the label that tells them apart."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            last = sample.labels.get("outcome") or sample.labels.get("result")
            found[f"{sample.name}/{last}" if last else sample.name] = sample.value
    return found
