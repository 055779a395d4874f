"""What PHP's server has of its own."""

import os
import signal
from pathlib import Path

import pytest

from tests.conformance.runtimes.lanes import PHP
from tests.conformance.runtimes.launcher import Launcher, read_answer, wait_until


@pytest.fixture
def php(tmp_path: Path) -> Launcher:
    """Starts servers for the functions in `own.php`, which has a namespace."""
    if PHP.missing is not None:
        pytest.skip(PHP.missing)
    return Launcher(PHP, tmp_path, tmp_path)


def test_a_psr_7_response_is_an_answer(php: Launcher) -> None:
    with php.running("psr", module="own") as server:
        answer = server.call()
        assert (answer.status, answer.body) == (410, b"gone")
        assert answer.headers.get_all("X-Kind") == ["one", "two"]


def test_a_plain_object_is_data_whatever_it_holds(php: Launcher) -> None:
    with php.running("record", module="own") as server:
        answer = server.call()
        assert (answer.status, answer.json()) == (200, {"status": 410, "body": "data"})


def test_a_returned_function_is_a_failure(php: Launcher) -> None:
    with php.running("closure", module="own") as server:
        assert server.call().status == 500
        assert "the returned Closure cannot be written as JSON" in server.stderr


def test_the_request_answers_by_psr_7s_names(php: Launcher) -> None:
    form = [("Content-Type", "application/x-www-form-urlencoded"), ("X-A", "x")]
    with php.running("request", module="own") as server:
        answer = server.call("/p%20q?a=1&a=2&b.c=3", "PUT", form, b"d=4")
        query = {"a": "2", "b.c": "3"}
        assert answer.json() == ["PUT", "x", query, ["1", "2"], {"d": "4"}, "/p q"]


def test_a_worker_that_starts_late_holds_no_connection(php: Launcher) -> None:
    with php.running("descriptors", module="own") as server:
        alone = server.call().json()
        (first,) = server.descendants()
        for connection in (server.connect() for _ in range(50)):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            assert read_answer(connection).status == 200
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: first not in server.descendants())
        wait_until(lambda: len(server.descendants()) == 1)
        assert server.call().json() == alone


def test_what_composer_installed_is_loaded_before_the_function(
    php: Launcher, tmp_path: Path
) -> None:
    folder = tmp_path / "function"
    (folder / "vendor").mkdir(parents=True)
    (folder / "vendor" / "autoload.php").write_text("<?php function word() { return 'hi'; }")
    code = "<?php $word = word(); function f() { return $GLOBALS['word']; }"
    (folder / "greet.php").write_text(code)
    with php.running("f", module="greet", KUBELESS_INSTALL_VOLUME=str(folder)) as server:
        assert server.call().body == b"hi"


@pytest.mark.parametrize(
    ("module", "reason"), [("exits", "it exits"), ("unreadable", "ParseError: syntax error")]
)
def test_a_file_that_does_not_come_to_its_end_says_why(
    php: Launcher, module: str, reason: str
) -> None:
    code, lines = php.ending("handler", module=module)
    assert code == 3
    assert f"loading {module}.handler: " in lines[-1]
    assert f"{module}.php failed at import: {reason}" in lines[-1]
