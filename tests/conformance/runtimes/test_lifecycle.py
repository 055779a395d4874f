"""Start, readiness, stop, exit codes, metrics and log lines."""

import re
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conformance.runtimes.lanes import Lane
from tests.conformance.runtimes.launcher import (
    DEADLINE,
    Launcher,
    encode,
    gone,
    read_answer,
    wait_until,
)


@pytest.mark.needs("import")
def test_a_server_is_alive_before_its_function_is_loaded(
    launcher: Launcher, tmp_path: Path
) -> None:
    env = {"LOAD_WHEN": str(tmp_path / "go")}
    with launcher.started("echo", module="slow", **env) as server:
        assert server.call("/healthz").status == 200
        for path in ("/readyz", "/"):
            answer = server.call(path)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
            assert answer.body == b"the function is not loaded yet\n"
        (tmp_path / "go").touch()
        wait_until(lambda: server.call("/readyz").status == 200)
        assert server.call().status == 200
        assert "slow." in server.stderr
        assert ": ready on 127.0.0.1:" in server.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_lets_calls_in_flight_end(
    launcher: Launcher, tmp_path: Path, number: signal.Signals
) -> None:
    with launcher.running("act") as server, ThreadPoolExecutor(1) as pool:
        kept = server.connect()
        kept.sendall(encode("/?do=count", "GET", [], b""))
        worker = read_answer(kept).json()["pid"]
        call = pool.submit(server.act, "nap", file=tmp_path / "nap", seconds=0.4)
        wait_until((tmp_path / "nap").exists)
        server.process.send_signal(number)
        assert kept.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), DEADLINE)
        assert call.result().body == b"awake"
        assert call.result().headers["Connection"] == "close"
        assert server.process.wait(DEADLINE) == 0
        assert gone(worker)


def test_a_stop_that_takes_too_long_cuts_calls_short(
    launcher: Launcher, lane: Lane, tmp_path: Path
) -> None:
    with (
        launcher.running("act", FUNC_SHUTDOWN_TIMEOUT="0.2") as server,
        ThreadPoolExecutor(1) as pool,
    ):
        call = pool.submit(server.act, "nap", file=tmp_path / "nap", seconds=9)
        wait_until((tmp_path / "nap").exists)
        server.terminate()
        assert server.process.wait(DEADLINE) == 5
        title = f"contract.{lane.entry('act')}"
        assert server.stderr.endswith(f"{title}: stopping: 1 calls were cut short\n")
        assert call.exception(DEADLINE) is not None or call.result().status == 500


def test_a_killed_server_leaves_no_process(launcher: Launcher) -> None:
    with launcher.running("act") as server:
        server.connect().sendall(encode("/?do=spin", "GET", [], b""))
        wait_until(lambda: any(computes(pid) for pid in server.descendants()))
        left = server.descendants()
        server.process.kill()
        wait_until(lambda: all(gone(pid) for pid in left))


def computes(pid: int) -> bool:
    """Whether any thread of a process runs rather than waits."""
    try:
        threads = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/stat")]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return any(thread.rpartition(")")[2].split()[0] == "R" for thread in threads)


BAD_SETTINGS = {
    "no-module": ({"MOD_NAME": ""}, "MOD_NAME is not set"),
    "no-handler": ({"FUNC_HANDLER": ""}, "FUNC_HANDLER is not set"),
    "bad-port": ({"FUNC_PORT": "http"}, "FUNC_PORT is 'http'"),
    "large-port": ({"FUNC_PORT": "65536"}, "FUNC_PORT is '65536'"),
    "bad-timeout": ({"FUNC_TIMEOUT": "nan"}, "FUNC_TIMEOUT is 'nan'"),
    "bad-concurrency": ({"FUNC_CONCURRENCY": "-1"}, "FUNC_CONCURRENCY is '-1'"),
}


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_a_bad_setting_ends_the_server_with_a_sentence(launcher: Launcher, name: str) -> None:
    env, sentence = BAD_SETTINGS[name]
    code, lines = launcher.ending("echo", **env)
    assert (code, len(lines)) == (2, 1)
    assert lines[0].startswith(sentence)
    assert ": set it to " in lines[0]


BAD_FUNCTIONS = {
    "no-file": ("nowhere", "f", r"loading nowhere\.{0}: there is no file .*nowhere\.\w+"),
    "no-name": ("contract", "f", r"loading contract\.{0}: .*contract\.\w+ defines no '{0}'"),
    "no-function": ("contract", "ACTS", r"loading contract\.{0}: '{0}' in .* is not a function"),
    "failing": ("broken", "f", r"loading broken\.{0}: .* failed at import: .*the reason"),
}


@pytest.mark.needs("import")
@pytest.mark.parametrize("name", BAD_FUNCTIONS)
def test_a_function_that_cannot_be_loaded_ends_the_server(
    launcher: Launcher, lane: Lane, name: str
) -> None:
    module, handler, sentence = BAD_FUNCTIONS[name]
    code, lines = launcher.ending(handler, module=module)
    assert code == 3
    assert re.search(sentence.format(lane.entry(handler)), lines[-1])


def test_a_port_in_use_ends_the_server(launcher: Launcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, lines = launcher.ending("echo", FUNC_PORT=port)
    assert code == 4
    assert f"listening on 127.0.0.1:{port}: " in lines[-1]


@pytest.mark.needs("import")
def test_a_function_may_be_named_like_a_standard_module(launcher: Launcher) -> None:
    with launcher.running("handler", module="queue") as server:
        assert server.call().body == b"1"


def test_metrics_count_by_method(launcher: Launcher) -> None:
    with launcher.running("reply") as server:
        server.call("/text")
        server.call("/unwritable", "POST")
        server.call("/text", "PROPFIND")
        text = server.call("/metrics").body.decode()
    assert "# TYPE function_duration_seconds histogram\n" in text
    assert 'function_calls_total{method="GET"} 1\n' in text
    assert 'function_calls_total{method="POST"} 1\n' in text
    assert 'function_calls_total{method="other"} 1\n' in text
    assert 'function_failures_total{method="GET"} 0\n' in text
    assert 'function_failures_total{method="POST"} 1\n' in text
    bounds = re.findall(r'bucket\{method="GET",le="([^"]+)"\} \d+', text)
    assert ",".join(bounds) == "0.005,0.01,0.025,0.05,0.1,0.25,0.5,1.0,2.5,5.0,10.0,+Inf"
    assert 'function_duration_seconds_count{method="GET"} 1\n' in text


def test_access_lines_are_written_when_asked_for(launcher: Launcher) -> None:
    with launcher.running("reply", FUNC_ACCESS_LOG="1") as server:
        server.call("/text?a=1", headers=[("User-Agent", 'x"y')])
        line = r'^127\.0\.0\.1 - - \[.+\] "GET /text\?a=1 HTTP/1\.1" 200 7 "-" "x\\"y"$'
        wait_until(lambda: re.search(line, server.stdout, re.MULTILINE) is not None)


def test_a_healthy_server_is_silent(launcher: Launcher) -> None:
    with launcher.running("reply") as server:
        for _ in range(3):
            server.call("/text")
        server.terminate()
        assert server.process.wait(DEADLINE) == 0
        assert server.stderr.count("\n") == 1
        assert server.stdout == ""
