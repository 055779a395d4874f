"""`tidegate trigger replay` beside a real `tidegate up`: Ctrl-C ends the replay, not the laptop."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from tests.integration.up.manifests import function, stream
from tests.integration.up.running import PATIENCE, PROGRAM, environment, running
from tests.support.ended import killed_at_last


async def test_ctrl_c_ends_the_replay_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(function("return 'ok'") + stream())
    async with running(tmp_path) as up:
        await up.says("creating consumer")
        await up.says("default/hello: takes calls")
        for number in range(3):
            await up.command("publish", "nats", "-j", "orders.new", f"{number}")
        await up.counts("orders", delivered=3, inFlight=0)
        process = await asyncio.create_subprocess_exec(
            *PROGRAM, "trigger", "replay", "orders", "--from", "1h", "--rate", "0.05",
            cwd=tmp_path, env=environment(), stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stderr is not None
        async with killed_at_last(process):
            async with asyncio.timeout(PATIENCE):
                while b"1 delivered" not in await process.stderr.readline():
                    pass
            process.send_signal(signal.SIGINT)
            async with asyncio.timeout(PATIENCE):
                out, err = await process.communicate()
        assert (process.returncode, out) == (130, b"")
        assert b"Traceback" not in err
        await up.says("was cut off with 1 read, 1 delivered")
        assert (await up.counts("orders", delivered=3, inFlight=0))["received"] == 3
