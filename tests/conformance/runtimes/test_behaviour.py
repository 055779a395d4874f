"""How functions that do well, and functions that do badly, are served side by side."""

import http.client
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conformance.runtimes.lanes import Lane
from tests.conformance.runtimes.launcher import Launcher, Running, encode, read_answer, wait_until

CALLS = 'function_calls_total{method="GET"}'
FAILURES = 'function_failures_total{method="GET"}'
FAILED = b"the function failed; its log says why\n"


def test_calls_run_side_by_side(launcher: Launcher, tmp_path: Path) -> None:
    with launcher.running("act") as server, ThreadPoolExecutor(2) as pool:
        one = pool.submit(server.act, "meet", folder=tmp_path, me="one", other="two")
        two = pool.submit(server.act, "meet", folder=tmp_path, me="two", other="one")
        assert (one.result().body, two.result().body) == (b"met", b"met")


def test_calls_beyond_concurrency_and_queue_are_told_to_come_again(
    launcher: Launcher, tmp_path: Path
) -> None:
    env = {"FUNC_CONCURRENCY": "1", "FUNC_QUEUE": "0"}
    with launcher.running("act", **env) as server, ThreadPoolExecutor(1) as pool:
        running = pool.submit(server.act, "nap", file=tmp_path / "nap", seconds=0.5)
        wait_until((tmp_path / "nap").exists)
        answer = server.act("count")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert running.result().status == 200
        assert server.metric(CALLS) == 1


def test_a_call_that_never_gets_its_turn_is_told_to_come_again(
    launcher: Launcher, tmp_path: Path
) -> None:
    with (
        launcher.running("act", FUNC_CONCURRENCY="1") as server,
        ThreadPoolExecutor(1) as pool,
    ):
        running = pool.submit(server.act, "nap", file=tmp_path / "nap", seconds=0.6)
        wait_until((tmp_path / "nap").exists)
        headers = [("x-tidegate-deadline", f"{time.time() + 0.1}")]
        assert server.call("/?do=count", headers=headers).status == 503
        assert running.result().status == 200


@pytest.mark.needs("state")
def test_module_state_lives_from_call_to_call(actor: Running) -> None:
    assert [actor.act("count").json()["count"] for _ in range(3)] == [1, 2, 3]


ACTORS = ["act", pytest.param("act_async", marks=pytest.mark.needs("async"))]


@pytest.mark.parametrize("function", ACTORS)
def test_an_exception_is_told_to_the_log_and_not_to_the_caller(
    launcher: Launcher, lane: Lane, function: str
) -> None:
    with launcher.running(function, FUNC_NAME="actor") as server:
        answer = server.call("/?do=fail", headers=[("event-id", "e1")])
        assert (answer.status, answer.body) == (500, FAILED)
        assert server.metric(FAILURES) == 1
        assert server.act("count").status == 200
        assert f"actor: call e1 failed: {lane.failure}\n" in server.stderr


@pytest.mark.needs("trace")
@pytest.mark.parametrize("function", ACTORS)
def test_a_trace_has_the_functions_own_code_and_none_of_the_servers(
    launcher: Launcher, lane: Lane, function: str
) -> None:
    with launcher.running(function) as server:
        server.act("fail")
        trace = server.stderr.partition(lane.failure)[2]
        assert f"contract{lane.suffix}" in trace
        assert "/runtimes/" not in trace.replace("/runtimes/functions/", "")


@pytest.mark.needs("catch exit")
@pytest.mark.parametrize("function", ACTORS)
def test_a_function_that_asks_to_exit_has_failed(launcher: Launcher, function: str) -> None:
    with launcher.running(function, FUNC_NAME="actor") as server:
        answer = server.call("/?do=exit", headers=[("event-id", "e1")])
        assert (answer.status, answer.body) == (500, FAILED)
        assert server.metric(FAILURES) == 1
        assert server.act("count").status == 200
        assert "actor: call e1 failed: SystemExit: 7\n" in server.stderr


@pytest.mark.needs("state")
@pytest.mark.parametrize("what", ["die", pytest.param("crash", marks=pytest.mark.needs("crash"))])
def test_a_function_that_ends_its_process_fails_its_own_call_alone(
    launcher: Launcher, what: str
) -> None:
    lost = b"the function's process ended during the call\n"
    with launcher.running("act") as server:
        answer = server.act(what)
        assert (answer.status, answer.body) == (500, lost)
        assert server.act("count").json()["count"] == 1
        assert server.metric(FAILURES) == 1
        assert "with 1 calls in flight" in server.stderr


@pytest.mark.needs("fork")
def test_a_forked_child_gives_no_answer(actor: Running) -> None:
    worker = actor.act("count").json()["pid"]
    for _ in range(5):
        assert actor.act("fork").body == b"the parent"
    assert {actor.act("count").json()["pid"] for _ in range(20)} == {worker}


@pytest.mark.needs("print")
def test_what_a_function_prints_goes_to_stdout_whole(launcher: Launcher) -> None:
    with launcher.running("act") as server:
        assert server.act("chatter").body == b"said"
        assert server.stdout.count("\n") == 20_000


def test_a_large_answer_has_its_length(vector_servers: dict[str, Running]) -> None:
    for handler in vector_servers.keys() & {"reply", "reply_async"}:
        answer = vector_servers[handler].call("/large")
        assert answer.headers["Content-Length"] == "3000000"
        assert answer.body == b"x" * 3_000_000


@pytest.mark.parametrize("what", ["broken", "stuck"])
def test_a_stream_that_breaks_off_closes_the_connection(actor: Running, what: str) -> None:
    with pytest.raises(http.client.IncompleteRead):
        actor.act(what)
    assert actor.metric(FAILURES) == 1
    assert actor.act("count").status == 200


def test_a_stream_stops_when_its_caller_goes(launcher: Launcher) -> None:
    with launcher.running("act", FUNC_CONCURRENCY="1", FUNC_TIMEOUT="30") as server:
        connection = server.connect()
        connection.sendall(encode("/?do=endless", "GET", [], b""))
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 OK")
        connection.close()
        assert server.act("count").json()["count"] == 1
        assert server.metric(FAILURES) == 0


def test_a_caller_that_goes_takes_its_waiting_call_along_and_no_running_one(
    launcher: Launcher, tmp_path: Path
) -> None:
    with launcher.running("act", FUNC_CONCURRENCY="1") as server:
        running, waiting = server.connect(), server.connect()
        nap = f"/?do=nap&file={tmp_path / 'nap'}&seconds=0.3"
        running.sendall(encode(nap, "GET", [], b""))
        wait_until((tmp_path / "nap").exists)
        waiting.sendall(encode("/?do=count", "GET", [], b""))
        running.close()
        waiting.close()
        assert server.act("count").json()["count"] == 1
        assert (tmp_path / "nap.unwound").exists()


def test_a_slow_reader_stops_the_stream_and_not_the_server(launcher: Launcher) -> None:
    with launcher.running("act", FUNC_TIMEOUT="30") as server:
        connection = server.connect()
        connection.sendall(encode("/?do=endless", "GET", [], b""))
        connection.recv(4096)
        before = resident(server.process.pid)
        for _ in range(200):  # time enough for an unbounded stream to fill the memory
            assert server.act("count").status == 200
        assert resident(server.process.pid) - before < 40 * 1024 * 1024


def resident(pid: int) -> int:
    """Bytes of memory that a process has, its interpreter's own among them."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_a_connection_serves_many_requests(vector_servers: dict[str, Running]) -> None:
    connection = vector_servers["echo"].connect()
    for number in range(3):
        connection.sendall(encode(f"/{number}", "GET", [], b""))
        assert read_answer(connection).json()["request"]["path"] == f"/{number}"


def test_pipelined_requests_are_answered_in_order(vector_servers: dict[str, Running]) -> None:
    connection = vector_servers["echo"].connect()
    requests = [encode(f"/{number}", "POST", [], b"body") for number in range(20)]
    connection.sendall(b"".join(requests))
    reader = connection.makefile("rb")
    seen = []
    for _ in requests:
        length = 0
        while (line := reader.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        seen.append(reader.read(length))
    reader.close()
    assert [json.loads(body)["request"]["path"] for body in seen] == [f"/{n}" for n in range(20)]


def test_a_caller_that_has_said_all_still_gets_its_answer(
    vector_servers: dict[str, Running],
) -> None:
    connection = vector_servers["reply"].connect()
    connection.sendall(encode("/text", "GET", [], b""))
    connection.shutdown(socket.SHUT_WR)
    assert read_answer(connection).status == 200
    assert connection.recv(1) == b""


def test_connections_beyond_the_limit_are_told_to_come_again(launcher: Launcher) -> None:
    with launcher.running("reply") as server:
        kept = [server.connect() for _ in range(1024)]
        refused = server.connect()
        answer = read_answer(refused)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert refused.recv(1) == b""
        kept[0].sendall(encode("/text", "GET", [], b""))
        assert read_answer(kept[0]).status == 200


def test_http_1_0_closes_after_the_answer(vector_servers: dict[str, Running]) -> None:
    connection = vector_servers["reply"].connect()
    connection.sendall(b"GET /parts HTTP/1.0\r\n\r\n")
    answer = read_answer(connection)
    assert (answer.headers["Connection"], answer.body) == ("close", b"one two")
    assert connection.recv(1) == b""


def test_a_waiting_body_is_asked_for(vector_servers: dict[str, Running]) -> None:
    connection = vector_servers["echo"].connect()
    connection.sendall(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    )
    assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(b"hi")
    assert read_answer(connection).json()["data"] == {"bytes": "hi"}
