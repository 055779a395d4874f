"""SIGKILL between the write of a dead letter and its settlement: one letter too many at most."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import nats
from aiohttp import web

from tests.fakes.function_server import function_server
from tests.fakes.nats_server import NatsServer
from tests.integration.up.manifests import function
from tests.integration.up.running import running

TRIGGER = """\
apiVersion: kubeless.io/v1beta1
kind: NATSTrigger
metadata: {{name: orders}}
spec:
  topic: orders.new
  functionSelector: {{matchLabels: {{function: hello}}}}
  jetstream: {{stream: ORDERS, createStream: true, ackWait: 1s}}
  delivery: {{retry: 0, deadLetter: {{http: "http://{host}:{port}/"}}}}
---
"""


async def test_a_crash_after_the_write_repeats_the_letter_and_never_loses_it(
    tmp_path: Path,
) -> None:
    written = asyncio.Event()

    async def keep_silent(_: web.Request, __: bytes) -> web.Response:
        written.set()
        await asyncio.Event().wait()
        return web.Response()

    async def confirm(_: web.Request, __: bytes) -> web.Response:
        return web.Response()

    async with (
        NatsServer(tmp_path / "broker") as broker,
        function_server(keep_silent) as target,
    ):
        host, port = target.address
        text = function("raise ValueError('poison')") + TRIGGER.format(host=host, port=port)
        (tmp_path / "all.yaml").write_text(text)
        async with running(tmp_path, "--nats", broker.url) as up:
            await up.says("creating consumer")
            await publish(broker.url, b"poison")
            await written.wait()
            os.kill(up.pid, signal.SIGKILL)
            await up.process.wait()
        target.behaviour = confirm
        async with running(tmp_path, "--nats", broker.url) as up:
            row = await up.counts("orders", deadLettered=1, inFlight=0)
            assert (row["received"], row["drift"]) == (1, 0)
        assert [seen.body for seen in target.seen] == [b"poison", b"poison"]
        assert len({seen.headers["ce-tidegateletter"] for seen in target.seen}) == 1


async def publish(url: str, body: bytes) -> None:
    """Publish one order, and have it stored."""
    client = await nats.connect(url)
    try:
        await client.jetstream().publish("orders.new", body)
    finally:
        await client.close()
