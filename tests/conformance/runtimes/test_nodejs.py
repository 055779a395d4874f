"""What is of Node.js alone: modules, express's request and response, one loop for many calls."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conformance.runtimes.lanes import NODEJS
from tests.conformance.runtimes.launcher import (
    Launcher,
    Running,
    encode,
    gone,
    wait_until,
)

FAILURES = 'function_failures_total{method="GET"}'
JSON = [("Content-Type", "application/json")]

pytestmark = pytest.mark.skipif(NODEJS.missing is not None, reason=str(NODEJS.missing))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server of functions that answer by the response."""
    folder = tmp_path_factory.mktemp("express")
    with Launcher(NODEJS, folder, folder).running("page", module="express") as server:
        yield server


@pytest.fixture
def launcher(tmp_path: Path) -> Launcher:
    return Launcher(NODEJS, tmp_path, tmp_path)


@pytest.fixture
def trouble(launcher: Launcher) -> Iterator[Running]:
    """A server of functions that fail beside their results."""
    with launcher.running("trouble", module="trouble", FUNC_NAME="t") as server:
        yield server


def earlier(seconds: float) -> list[tuple[str, str]]:
    return [("x-tidegate-deadline", f"{time.time() + seconds:.6f}"), ("event-id", "e1")]


def test_an_es_module_is_loaded(launcher: Launcher) -> None:
    with launcher.running("handler", module="module") as server:
        assert server.call().body == b"handler of a module"


def test_a_package_says_that_its_files_are_es_modules(launcher: Launcher, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "m.js").write_text("export default () => import.meta.url.slice(-4);\n")
    env = {"KUBELESS_INSTALL_VOLUME": str(tmp_path)}
    with launcher.running("default", module="m", **env) as server:
        assert server.call().body == b"m.js"
        assert server.stderr.count("\n") == 1


def test_a_header_has_the_name_of_what_every_object_has(launcher: Launcher, tmp_path: Path) -> None:
    code = "module.exports.run = (event) => event.extensions.request.headers.constructor;\n"
    (tmp_path / "named.js").write_text(code)
    env = {"KUBELESS_INSTALL_VOLUME": str(tmp_path)}
    with launcher.running("run", module="named", **env) as server:
        assert server.call(headers=[("Constructor", "a mason")]).body == b"a mason"


def test_a_response_is_shaped_as_in_express(shared: Running) -> None:
    answer = shared.call("/json", "POST", JSON, b'{"a": 1}')
    assert (answer.status, answer.json()) == (201, {"made": {"a": 1}})
    assert (answer.headers["X-A"], answer.headers["Content-Type"]) == ("1", "application/json")
    answer = shared.call("/send")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]


def test_a_function_may_answer_before_it_returns(shared: Running) -> None:
    answer = shared.call("/later")
    assert (answer.status, answer.body) == (202, b"later")
    assert shared.call("/never").body == b"answered"
    assert shared.call("/chained").status == 204


@pytest.mark.parametrize(
    ("path", "body"), [("/written", b"a,b"), ("/piped", b"body"), ("/readable", b"one two")]
)
def test_a_response_is_streamed(shared: Running, path: str, body: bytes) -> None:
    answer = shared.call(path, "POST", body=b"body")
    assert (answer.body, answer.headers["Transfer-Encoding"]) == (body, "chunked")


def test_a_written_response_that_fails_breaks_off(shared: Running) -> None:
    with pytest.raises(http.client.IncompleteRead):
        shared.call("/broken")


def test_a_request_reads_as_in_express(shared: Running) -> None:
    headers = [*JSON, ("Accept", "text/*")]
    assert shared.call("/request?x=1&x=2", "POST", headers, b"[1]").json() == {
        "url": "/request?x=1&x=2",
        "body": [1],
        "accept": "text/*",
        "json": "application/json",
        "hostname": "function.test",
        "all": ["1", "2"],
    }


def test_what_a_head_may_hold_passes_both_ways(shared: Running) -> None:
    headers = [("X-There", "grüße,\t\xff"), ("X-Nothing", "")]
    answer = shared.call("/head", headers=headers)
    assert answer.json() == ["X-There", "grüße,\t\xff", "X-Nothing", ""]
    assert (answer.headers["X-Back"], answer.headers["X-Empty"]) == ("grüße,\t\xff", "")


def test_a_missing_name_beyond_latin_1_is_told_as_it_is(launcher: Launcher) -> None:
    code, lines = launcher.ending("größe→", module="express")
    assert (code, lines[-1].endswith("defines no 'größe→'")) == (3, True)


def test_the_old_ways_of_kubeless_are_to_be_had(launcher: Launcher) -> None:
    with launcher.running("data", module="express", FUNC_COMPAT="kubeless") as server:
        answer = server.call("/", "POST", [("Content-Type", "text/plain")], "grüße".encode())
        assert answer.body == "grüße".encode()
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert server.call().json() == {}
        asked = [("Access-Control-Request-Headers", "X-A")]
        answer = server.call("/", "OPTIONS", asked)
        assert (answer.status, answer.headers["Access-Control-Allow-Headers"]) == (204, "X-A")


def test_an_unknown_compatibility_ends_the_server(launcher: Launcher) -> None:
    code, lines = launcher.ending("data", module="express", FUNC_COMPAT="openfaas")
    assert code == 2
    assert lines == ["FUNC_COMPAT is 'openfaas': set it to kubeless, or not at all"]


@pytest.mark.parametrize(
    ("what", "told"),
    [("callback", "RangeError: in a callback"), ("exit", "SystemExit: 3")],
)
def test_a_failure_in_a_callback_is_its_calls_alone(trouble: Running, what: str, told: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(trouble.act, "nap", seconds=0.5)
        answer = trouble.call(f"/?do={what}", headers=[("event-id", "e1")])
        assert answer.status == 500
        assert other.result().body == b"awake"
    assert trouble.metric(FAILURES) == 1
    wait_until(lambda: f"t: call e1 failed: {told}\n" in trouble.stderr)


def test_a_rejection_that_nobody_handles_is_told_and_fails_nothing(trouble: Running) -> None:
    assert trouble.call("/?do=rejection", headers=[("event-id", "e1")]).body == b"fine"
    line = "t: call e1: unhandled rejection: RangeError: of nobody\n"
    wait_until(lambda: line in trouble.stderr)
    assert trouble.metric(FAILURES) == 0


def test_a_worker_whose_callback_failed_is_replaced(trouble: Running) -> None:
    before = trouble.act("pid").json()
    assert trouble.act("callback").status == 500
    wait_until(lambda: trouble.act("pid").json() != before)
    wait_until(lambda: gone(before))


def test_a_function_that_eats_its_memory_fails_its_own_call(launcher: Launcher) -> None:
    with launcher.running("trouble", module="trouble", FUNC_MEMORY_LIMIT="100Mi") as server:
        assert server.act("leak").status == 500
        assert server.act("pid").status == 200
        assert "killed by signal 6 (SIGABRT) with 1 calls in flight" in server.stderr


def test_calls_go_round_a_worker_that_is_blocked(trouble: Running) -> None:
    blocked = trouble.act("pid").json()
    with ThreadPoolExecutor(1) as pool:
        spinning = pool.submit(trouble.call, "/?do=spin", headers=earlier(60))
        wait_until(lambda: trouble.act("pid").json() != blocked)
        assert not spinning.done()
        trouble.process.kill()
    assert spinning.exception() is not None


def test_calls_behind_a_blocking_one_are_taken_back_and_run_once(
    trouble: Running, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"

    def call(number: int) -> int:
        if number % 200 == 199:
            return trouble.call("/?do=spin", headers=earlier(1)).status
        return trouble.act("mark", file=marks, name=number).status

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(call, range(600)))
    assert [number for number in range(600) if statuses[number] != 200] == [199, 399, 599]
    assert sorted(map(int, marks.read_text().split())) == [
        number for number in range(600) if statuses[number] == 200
    ]


def test_a_log_that_nobody_reads_does_not_stop_the_server(tmp_path: Path) -> None:
    port = tmp_path / "port"
    with subprocess.Popen(
        NODEJS.command, env=environment(port), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_until(port.exists, process)
            server = Running(process, int(port.read_text()), tmp_path)
            wait_until(lambda: server.call("/readyz").status == 200, process)
            assert server.call("/?do=print", headers=earlier(0.5)).status == 408
            wait_until(lambda: server.act("pid").status == 200)
            for connection in server.connections:
                connection.close()
        finally:
            process.kill()


def environment(port: Path) -> dict[str, str]:
    """Of a server that logs to a pipe."""
    return {
        "PATH": os.environ["PATH"],
        "MOD_NAME": "trouble",
        "FUNC_HANDLER": "trouble",
        "FUNC_HOST": "127.0.0.1",
        "FUNC_PORT": "0",
        "FUNC_PORT_FILE": str(port),
        "FUNC_ACCESS_LOG": "1",
        "KUBELESS_INSTALL_VOLUME": str(NODEJS.functions),
    }


@pytest.fixture
def without_setpriv(tmp_path: Path) -> Launcher:
    """Starts servers on a machine that has nothing but Node.js."""
    command = (str(shutil.which("node")), *NODEJS.command[1:])
    return Launcher(replace(NODEJS, command=command), tmp_path, tmp_path)


def test_a_killed_server_leaves_no_process_without_setpriv(
    without_setpriv: Launcher, tmp_path: Path
) -> None:
    with without_setpriv.running("trouble", module="trouble", PATH=str(tmp_path)) as server:
        worker = server.act("pid").json()
        server.connect().sendall(encode("/?do=spin", "GET", [], b""))
        server.process.kill()
        wait_until(lambda: gone(worker))


def test_a_malformed_request_waits_for_the_answers_before_it(trouble: Running) -> None:
    connection = trouble.connect()
    connection.sendall(encode("/?do=nap&seconds=0.1", "GET", [], b"") + b"nonsense\r\n\r\n")
    with connection.makefile("rb") as reader:
        first, _, second = reader.read().partition(b"awake")
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")
    assert second.startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_many_pipelined_requests_are_read_as_they_are_answered(shared: Running) -> None:
    connection = shared.connect()
    connection.sendall(encode("/request", "GET", [], b"") * 200)
    with connection.makefile("rb") as reader:
        for _ in range(200):
            length = 0
            while (line := reader.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            assert json.loads(reader.read(length))["url"] == "/request"
