"""The script of a CronJob's pod, run as a pod runs it."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from controllers.desired.cronjob import SCRIPT, desired_cron_job
from gateway.sources.cron.ticks import tick_event
from tests.fakes.function_server import Behaviour, Seen, function_server, say_ok
from tests.support.triggers import cron_trigger
from tidegate.api.subscriptions import subscriptions

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="not installed: curl")

NOMINAL = datetime(2026, 1, 1, 0, 5, tzinfo=UTC)
JOB = f"front-{int(NOMINAL.timestamp()) // 60}"


def answering(status: int) -> Behaviour:
    async def answer(request: web.Request, body: bytes) -> web.StreamResponse:
        return web.Response(status=status)

    return answer


async def run(
    folder: Path, behaviour: Behaviour = say_ok, payload: str = "", **more: str
) -> tuple[int, list[Seen], str]:
    """Return the exit code, what the function saw, and what the log says."""
    (folder / "body").write_text(payload, encoding="utf-8")
    async with function_server(behaviour) as server:
        host, port = server.address
        where = {"URL": f"http://{host}:{port}", "JOB_NAME": JOB, "POD_UID": "uid-of-pod"}
        environment = {**os.environ, **_environment(), **where, **more}
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", SCRIPT.replace("/payload", str(folder)), env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(30):
            _, errors = await process.communicate()
        return process.returncode or 0, server.seen, errors.decode()


def _environment() -> Mapping[str, str]:
    pod = desired_cron_job(cron_trigger(), None, "image")["spec"]["jobTemplate"]["spec"]["template"]
    variables = pod["spec"]["containers"][0]["env"]
    return {one["name"]: one["value"] for one in variables if "value" in one}


async def test_a_time_has_the_identity_that_the_gateway_gives_it(tmp_path: Path) -> None:
    code, (seen,), _ = await run(tmp_path)
    (subscription,) = subscriptions([cron_trigger()])
    tick = tick_event(subscription, NOMINAL, NOMINAL)
    assert code == 0
    assert seen.method == "GET"
    assert (seen.headers["ce-id"], seen.headers["event-id"]) == (tick.id, tick.id)
    assert (seen.headers["ce-time"], seen.headers["ce-subject"]) == (tick.time, tick.subject)
    assert (seen.headers["ce-source"], seen.headers["ce-type"]) == (tick.source, tick.type)
    assert seen.headers["event-namespace"] == "cronjobtrigger.kubeless.io"


async def test_a_job_made_by_hand_has_an_identity_of_its_own(tmp_path: Path) -> None:
    _, (seen,), _ = await run(tmp_path, JOB_NAME="by-hand")
    assert seen.headers["ce-id"] == "uid-of-pod"


async def test_a_payload_is_sent_as_it_is(tmp_path: Path) -> None:
    payload = '{"text":"it\'s $(id) `id` @file \\n é"}'
    _, (seen,), _ = await run(tmp_path, payload=payload)
    assert (seen.method, seen.body.decode()) == ("POST", payload)
    assert seen.headers["content-type"] == "application/json"


@pytest.mark.regression("Kubeless: a cron job whose function fails counts as a success")
@pytest.mark.parametrize(
    ("status", "code"), [(204, 0), (302, 4), (400, 4), (404, 4), (429, 1), (500, 1), (503, 1)]
)
async def test_only_a_success_is_one(tmp_path: Path, status: int, code: int) -> None:
    ended, _, errors = await run(tmp_path, answering(status))
    assert ended == code
    assert (str(status) in errors) is (code != 0)


async def test_nobody_there_is_tried_again(tmp_path: Path) -> None:
    ended, _, _ = await run(tmp_path, URL="http://127.0.0.1:1")
    assert ended not in (0, 4)
