"""What is of programs alone: how they are found, what they are told, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conformance.runtimes.lanes import EXEC
from tests.conformance.runtimes.launcher import Launcher, gone, wait_until

Write = Callable[[str], dict[str, str]]


@pytest.fixture
def launcher(tmp_path: Path) -> Launcher:
    return Launcher(EXEC, tmp_path, tmp_path)


@pytest.fixture
def program(tmp_path: Path) -> Write:
    """Writes a program named `report`; returns the variable that says where it is."""

    def write(text: str) -> dict[str, str]:
        (tmp_path / "report").write_text(text)
        return {"KUBELESS_INSTALL_VOLUME": str(tmp_path)}

    return write


def test_a_script_need_not_be_executable(launcher: Launcher, program: Write) -> None:
    env = program('#!/bin/sh -e\nprintf "%s %s" "$1" "$(cat)"\n')
    with launcher.running("daily", module="report", **env) as server:
        answer = server.call("/", "POST", body=b"stdin")
        assert (answer.status, answer.body) == (200, b"daily stdin")
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_the_event_is_in_the_environment(launcher: Launcher, program: Write) -> None:
    env = program('#!/bin/sh\necho "$CE_ID $CE_TYPE $EVENT_ID $REQUEST_METHOD $PATH_INFO"\n')
    headers = [("ce-id", "1"), ("ce-specversion", "1.0"), ("ce-source", "/s"), ("ce-type", "t")]
    with launcher.running("daily", module="report", **env) as server:
        assert server.call("/a%20b", "PUT", headers).body == b"1 t 1 PUT /a b\n"
        assert server.call("/").body == b"   GET /\n"


def test_a_program_need_not_read_its_event(launcher: Launcher, program: Write) -> None:
    with launcher.running("daily", module="report", **program("#!/bin/true\n")) as server:
        answer = server.call("/", "POST", body=b"x" * 1_000_000)
        assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("#!/bin/sh\nkill -9 $$\n", "report was killed by SIGKILL"),
        ("#!/bin/sh\necho partly; exit 3\n", "report exited with code 3"),
        ("#!/no/such/shell\n", "report cannot be run: No such file or directory"),
        ("#!/bin/sh\necho created >&3\n", "descriptor 3 got 'created': write lines like"),
    ],
)
def test_a_program_that_ends_badly_has_failed(
    launcher: Launcher, program: Write, text: str, reason: str
) -> None:
    with launcher.running("daily", module="report", **program(text)) as server:
        assert server.call().status == 500
        assert reason in server.stderr
        assert server.metric('function_failures_total{method="GET"}') == 1


def test_what_a_program_left_running_ends_with_it(launcher: Launcher, program: Write) -> None:
    env = program("#!/bin/sh\nsleep 1000 >/dev/null 3>&- &\necho $!\n")
    with launcher.running("daily", module="report", **env) as server:
        left = int(server.call().body)
        wait_until(lambda: gone(left))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "loading report.daily: there is no file "),
        ("echo hello\n", "report is not executable and has no first line like #!/bin/sh"),
        ("#!\n", "report names no interpreter"),
    ],
)
def test_a_file_that_is_no_program_ends_the_server(
    launcher: Launcher, program: Write, tmp_path: Path, text: str | None, reason: str
) -> None:
    env = {"KUBELESS_INSTALL_VOLUME": str(tmp_path)} if text is None else program(text)
    ended = launcher.ending("daily", module="report", **env)
    assert ended.code == 3
    assert reason in ended.lines[-1]
