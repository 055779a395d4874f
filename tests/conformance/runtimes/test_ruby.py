"""What Ruby's server has of its own."""

from pathlib import Path

import pytest

from tests.conformance.runtimes.lanes import RUBY
from tests.conformance.runtimes.launcher import Launcher, gone, wait_until


@pytest.fixture
def ruby(tmp_path: Path) -> Launcher:
    """Starts servers for the functions in `own.rb`."""
    if RUBY.missing is not None:
        pytest.skip(RUBY.missing)
    return Launcher(RUBY, tmp_path, tmp_path)


def test_three_items_are_an_answer_and_two_are_a_list(ruby: Launcher) -> None:
    with ruby.running("triple", module="own") as server:
        answer = server.call()
        assert (answer.status, answer.headers["X-Kind"], answer.body) == (410, "triple", b"gone")
    with ruby.running("pair", module="own") as server:
        assert server.call().json() == ["gone", 410]


def test_an_object_that_json_would_only_name_is_a_failure(ruby: Launcher) -> None:
    with ruby.running("deep", module="own") as server:
        assert server.call().status == 500
        assert "cannot be written as JSON" in server.stderr


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("text/plain", b"UTF-8"),
        ("text/csv; charset=utf-8", b"UTF-8"),
        ("text/plain; charset=latin1", b"ASCII-8BIT"),
        ("application/octet-stream", b"ASCII-8BIT"),
    ],
)
def test_only_text_is_tagged_as_text(ruby: Launcher, content_type: str, encoding: bytes) -> None:
    with ruby.running("encoding", module="own") as server:
        answer = server.call("/", "POST", [("Content-Type", content_type)], b"a")
        assert answer.body == encoding


def test_arguments_go_by_symbols_too(ruby: Launcher) -> None:
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    with ruby.running("arguments", module="own") as server:
        answer = server.call("/?a=1&a=2", "POST", form, b"b=3&c")
        assert answer.json() == ["2", ["1", "2"], "3", "b=3"]


def test_gems_are_there_when_they_are_missed(ruby: Launcher) -> None:
    with ruby.running("gem_of_the_distribution", module="own") as server:
        assert server.call().json() == [2, 3, 5]


def test_a_constant_that_can_be_called_is_a_function(ruby: Launcher) -> None:
    with ruby.running("Handler", module="own") as server:
        assert server.call().body == b"Handler"


def test_what_a_function_started_ends_with_a_killed_server(ruby: Launcher) -> None:
    with ruby.running("spawned", module="own") as server:
        program = server.call().json()
        server.process.kill()
        wait_until(lambda: gone(program))
