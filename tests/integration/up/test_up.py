"""One `tidegate up` from start to end, and the verbs beside it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.integration.up.manifests import function, route, stream
from tests.integration.up.running import PATIENCE, Up, running, start, tidegate

ECHO = "print('got', event['data'])\nreturn event['data'] or 'nothing'"


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[Up]:
    """Run a function with a route and wait until it takes calls."""
    async with taking_calls(tmp_path) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    """The same for all tests that leave it as it is and call nothing."""
    async with taking_calls(tmp_path_factory.mktemp("up")) as one:
        yield one


@asynccontextmanager
async def taking_calls(folder: Path) -> AsyncIterator[Up]:
    (folder / "all.yaml").write_text(function(ECHO) + route())
    async with running(folder) as one:
        await one.says("default/hello: takes calls")
        yield one


async def test_a_function_is_called_over_http_and_from_the_command_line(up: Up) -> None:
    async with aiohttp.ClientSession() as session, session.post(up.url, data=b"abc") as answer:
        assert (answer.status, await answer.text()) == (200, "abc")
    assert await up.command("function", "call", "hello", "-d", "xyz") == (
        await up.command("function", "call", "hello", "--data", "xyz")
    )
    answer = await up.command("function", "call", "hello")
    assert (answer.code, answer.out) == (0, "nothing\n")


@pytest.mark.asyncio(loop_scope="module")
async def test_the_tables_name_functions_triggers_and_urls(shared_up: Up) -> None:
    await shared_up.says("TRIGGER")
    assert f"{shared_up.url}/" in shared_up.log
    assert "1/1 ready" in shared_up.log


@pytest.mark.asyncio(loop_scope="module")
async def test_lists_are_read_by_programs(shared_up: Up) -> None:
    (one,) = json.loads((await shared_up.command("function", "list", "-o", "json")).out)
    assert (one["metadata"]["name"], one["status"]["readyReplicas"]) == ("hello", 1)
    (row,) = json.loads((await shared_up.command("trigger", "list", "-o", "json")).out)
    assert (row["trigger"], row["state"], row["received"], row["drift"]) == ("web", "Running", 0, 0)
    assert "kind: HTTPTrigger" in (await shared_up.command("trigger", "ls", "-o", "yaml")).out
    assert "DEAD LETTERED" in (await shared_up.command("trigger", "list", "-o", "wide")).out


@pytest.mark.asyncio(loop_scope="module")
async def test_misspelt_names_get_the_nearest_one(shared_up: Up) -> None:
    for words in (("function", "call", "helo"), ("function", "logs", "helo")):
        answer = await shared_up.command(*words)
        assert (answer.code, answer.err) == (
            2,
            "tidegate: there is no function 'helo'; did you mean hello?\n",
        )
    answer = await shared_up.command("trigger", "list", "wbe")
    assert answer.code == 2
    assert "did you mean web?" in answer.err


async def test_logs_are_shown_and_followed(up: Up) -> None:
    await up.command("function", "call", "hello", "-d", "first")
    assert "got b'first'" in (await up.command("function", "logs", "hello")).out
    async with up.command_that_lasts("function", "logs", "hello", "-f") as lines:
        await until_read(lines, b"got b'first'")
        await up.command("function", "call", "hello", "-d", "second")
        await until_read(lines, b"got b'second'")
        await up.stop()
        await until_read(lines, b"")
    assert "hello | got b'second'" in up.log


async def test_a_failed_call_ends_with_1_and_its_words_on_stderr(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(function("raise ValueError('secret detail')"))
    async with running(tmp_path) as up:
        await up.says("takes calls")
        answer = await up.command("function", "call", "hello")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err and "secret detail" not in answer.err
    assert "secret detail" in up.log


@pytest.mark.asyncio(loop_scope="module")
async def test_the_control_api_is_for_this_user_and_no_web_page(shared_up: Up) -> None:
    mode = (shared_up.folder / ".tidegate" / "up.json").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    contact = shared_up.contact
    right = {"Authorization": f"Bearer {contact['token']}"}
    page = right | {"Host": "evil.example"}
    wrong = [({}, 401), ({"Authorization": "Bearer x"}, 401), (page, 403)]
    async with aiohttp.ClientSession() as session:
        for headers, status in wrong:
            url = f"{contact['admin']}/control/functions"
            async with session.get(url, headers=headers) as answer:
                assert answer.status == status, headers
        for path in ("/metrics", "/subscriptions"):
            async with session.get(f"{contact['admin']}{path}", headers=page) as answer:
                assert answer.status == 403
        async with session.get(f"{contact['admin']}/livez") as answer:
            assert answer.status == 200


async def test_a_changed_file_is_taken_up_and_a_broken_one_keeps_what_ran(up: Up) -> None:
    (up.folder / "all.yaml").write_text(function("return 'new'") + route())
    await up.says("default/hello: the changed version takes the calls now")
    assert (await up.command("function", "call", "hello")).out == "new\n"
    (up.folder / "all.yaml").write_text(function("return 'x'").replace("hello.main", "hello"))
    await up.says("Function default/hello: goes on as it was before it broke")
    await up.says("HTTPTrigger default/web: removed")
    assert (await up.command("function", "call", "hello")).out == "new\n"
    (up.folder / "all.yaml").unlink()
    await up.says("Function default/hello: removed")
    await up.until(lambda: "There is no function" in up.log)
    assert (await up.command("function", "call", "hello")).code == 2


async def test_a_mended_function_gets_what_was_parked_for_it(tmp_path: Path) -> None:
    broken = function("raise ValueError('a mistake')") + stream().replace("retry: -1", "retry: 0")
    (tmp_path / "all.yaml").write_text(broken)
    async with running(tmp_path) as up:
        await up.says("default/hello: takes calls")
        published = await up.command("publish", "nats", "-j", "orders.new", "one")
        assert published.code == 0, published.err
        await up.counts("orders", parked=1)
        (tmp_path / "all.yaml").write_text(broken.replace("raise ValueError('a mistake')", "pass"))
        row = await up.counts("orders", delivered=1)
        assert (row["parked"], row["drift"]) == (0, 0)


async def test_a_new_folder_with_manifests_is_seen(up: Up) -> None:
    (up.folder / "more").mkdir()
    (up.folder / "more" / "other.yaml").write_text(function("return 'other'", name="other"))
    await up.says("default/other: takes calls")
    assert (await up.command("function", "call", "other")).out == "other\n"


async def test_ctrl_c_lets_a_call_finish_and_says_the_balance(tmp_path: Path) -> None:
    slow = "import time\nprint('begun')\ntime.sleep(1)\nreturn 'done'"
    (tmp_path / "all.yaml").write_text(function(slow) + route())
    async with running(tmp_path) as up, aiohttp.ClientSession() as session:
        await up.says("default/hello: takes calls")
        call = asyncio.create_task(text_of(session, up.url))
        await up.says("hello | begun")
        up.process.send_signal(signal.SIGINT)  # some wrappers pass it on as well
        assert await up.stop(signal.SIGINT) == 0
        assert await call == "done"
    assert "in flight is 1 of default/HTTPTrigger/web/hello" in up.log
    assert "stopped: 1 received = 1 delivered; drift 0" in up.log
    assert not (tmp_path / ".tidegate" / "up.json").exists()


async def test_a_second_ctrl_c_does_not_wait(tmp_path: Path) -> None:
    slow = "import time\nprint('begun')\ntime.sleep(60)"
    (tmp_path / "all.yaml").write_text(function(slow) + route())
    async with running(tmp_path) as up, aiohttp.ClientSession() as session:
        await up.says("default/hello: takes calls")
        call = asyncio.create_task(status_of(session, up.url))
        await up.says("hello | begun")
        up.process.send_signal(signal.SIGINT)
        await up.says("stopping: in flight is 1")
        await asyncio.sleep(0.6)  # what a person takes for the second one
        async with asyncio.timeout(30):
            assert await up.stop(signal.SIGINT) == 130
        assert await call >= 500
    assert "aborted" in up.log


@pytest.mark.asyncio(loop_scope="module")
async def test_one_process_has_a_state_folder(shared_up: Up) -> None:
    answer = await tidegate("up", "--port", "0", cwd=shared_up.folder)
    assert answer.code == 1
    assert f"process {shared_up.process.pid} is running with the state folder" in answer.err
    assert "Traceback" not in answer.err + answer.out


async def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        answer = await tidegate("up", "--port", port, "--admin-port", "0", cwd=tmp_path)
    assert answer.code == 1
    assert f"the front door cannot listen on 127.0.0.1:{port}" in answer.err
    assert "Traceback" not in answer.err + answer.out


async def test_without_a_running_up_verbs_say_how_to_start_it(tmp_path: Path) -> None:
    for words in (("function", "ls"), ("trigger", "list"), ("function", "call", "hello")):
        answer = await tidegate(*words, cwd=tmp_path)
        assert answer.code == 3
        assert "start it with: tidegate up" in answer.err
        assert answer.err.count("\n") == 1


async def test_a_killed_up_leaves_no_process_and_no_lock(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(function(ECHO) + route())
    process = await start(tmp_path)
    up = Up(tmp_path, process)
    await up.says("takes calls")
    (one,) = await up.control("/functions")
    state = await up.control("/state")
    process.kill()
    await process.wait()
    for pid in (*one["pids"], state["nats"]["pid"]):
        await until_gone(pid)
    assert (await tidegate("function", "ls", cwd=tmp_path)).code == 3
    async with running(tmp_path) as again:
        await again.says("takes calls")


async def test_published_messages_reach_a_function_and_functions_know_the_broker(
    tmp_path: Path,
) -> None:
    code = "import os\nprint('heard', event['data'].decode(), os.environ['NATS_URL'])"
    (tmp_path / "all.yaml").write_text(function(code) + stream())
    async with running(tmp_path) as up:
        await up.says("creating consumer")
        await up.says("default/hello: takes calls")
        answer = await up.command("publish", "nats", "-j", "orders.new", "a tea", "-H", "a: b")
        assert (answer.code, answer.out) == (0, "stored in stream ORDERS as 1\n")
        await up.says(f"heard a tea {up.contact['nats']}")
        assert (await up.counts("orders", delivered=1))["drift"] == 0


async def test_the_log_is_json_when_asked(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(function(ECHO) + route())
    async with running(tmp_path, "--log-format", "json") as up:
        await up.says("takes calls")
        await up.command("function", "call", "hello", "-d", "x")
    lines = [json.loads(line) for line in up.log.splitlines()]
    assert {"time", "level", "message"} <= set(lines[0])
    assert any(line.get("function") == "default/hello" for line in lines)


async def until_read(lines: asyncio.StreamReader, text: bytes) -> None:
    """Read up to a line with `text` in it, or to the end if that is empty."""
    async with asyncio.timeout(PATIENCE):
        while line := await lines.readline():
            if text and text in line:
                return
    assert not text, f"{text!r} did not come"


async def until_gone(pid: int) -> None:
    """Wait for the end of a process that is not our child."""
    async with asyncio.timeout(30):
        while _exists(pid):  # noqa: ASYNC110 - not our child, so nothing tells us
            await asyncio.sleep(0.02)


def _exists(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat")
        if status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z":
            return False  # nobody waits for orphans in some containers
        os.kill(pid, 0)
    except (ProcessLookupError, FileNotFoundError):
        return False
    return True


async def text_of(session: aiohttp.ClientSession, url: str) -> str:
    """Call and return what was said."""
    async with session.get(url) as answer:
        return await answer.text()


async def status_of(session: aiohttp.ClientSession, url: str) -> int:
    """Call and return the status; 599 when there was no answer."""
    try:
        async with session.get(url) as answer:
            return answer.status
    except aiohttp.ClientError:
        return 599
