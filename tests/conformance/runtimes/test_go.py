"""What Go's server has of its own: builds, errors, contexts, and goroutines beside calls."""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from runtimes.runtime import FOLDER
from tests.conformance.runtimes.lanes import GO, build_go_in
from tests.conformance.runtimes.launcher import (
    DEADLINE,
    Answer,
    Launcher,
    Running,
    gone,
    wait_until,
)

pytestmark = [
    pytest.mark.skipif(GO.missing is not None, reason=GO.missing or ""),
    pytest.mark.timeout(300),  # the first one may be the first to compile anything
]

OWN = GO.functions / "own"
FAILURES = 'function_failures_total{method="POST"}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A function as Kubeless had it, with a module of its own beside it."""
    return Path(shutil.copytree(OWN, tmp_path_factory.mktemp("go") / "function"))


def launcher_of(folder: Path, tmp_path: Path) -> Launcher:
    """Starts servers for functions of a folder."""
    lane = replace(GO, build=lambda _, module, entry: build_go_in(folder, module, entry))
    return Launcher(lane, tmp_path, tmp_path)


@pytest.fixture
def go(folder: Path, tmp_path: Path) -> Launcher:
    """Starts servers for the function."""
    return launcher_of(folder, tmp_path)


def told(server: Running, what: str) -> Answer:
    return server.call("/", "POST", [("event-id", "e1")], what.encode())


def test_a_function_written_for_kubeless_is_built_with_what_its_go_mod_says(go: Launcher) -> None:
    with go.running("Handler", module="own") as server:
        assert told(server, "greet").body == b"hello from beside"


def test_an_error_is_told_to_the_log_and_not_to_the_caller(go: Launcher) -> None:
    with go.running("Handler", module="own") as server:
        answer = told(server, "fail")
        assert (answer.status, answer.body) == (500, b"the function failed; its log says why\n")
        assert server.metric(FAILURES) == 1
        wait_until(lambda: "own.Handler: call e1 failed: error: the reason\n" in server.stderr)


def test_a_function_that_heeds_its_context_keeps_its_process(go: Launcher) -> None:
    with go.running("Handler", module="own", FUNC_TIMEOUT="0.3") as server:
        workers = server.descendants()
        assert [told(server, "heed").status for _ in range(3)] == [408, 408, 408]
        assert server.metric(FAILURES) == 3
        assert server.descendants() == workers
        assert "failed" not in server.stderr


def test_a_panic_beside_a_call_costs_the_worker_and_no_more(go: Launcher) -> None:
    with go.running("Handler", module="own") as server:
        answer = told(server, "panic beside")
        assert (answer.status, answer.body) == (
            500,
            b"the function's process ended during the call\n",
        )
        assert told(server, "greet").status == 200
        assert "exited with code 2 with 1 calls in flight" in server.stderr


def test_what_a_function_has_started_is_killed_with_it(go: Launcher) -> None:
    with go.running("Handler", module="own", FUNC_TIMEOUT="0.5") as server:
        with ThreadPoolExecutor(1) as pool:
            call = pool.submit(told, server, "start a program")
            wait_until(lambda: len(server.descendants()) == 2)
            started = server.descendants()
            assert call.result(DEADLINE).status == 408
        wait_until(lambda: all(gone(pid) for pid in started))


def test_what_a_function_has_started_goes_with_a_killed_server(go: Launcher) -> None:
    with go.running("Handler", module="own") as server, ThreadPoolExecutor(1) as pool:
        call = pool.submit(told, server, "start a program")
        wait_until(lambda: len(server.descendants()) == 2)
        started = server.descendants()
        server.process.kill()
        wait_until(lambda: all(gone(pid) for pid in started))
        assert call.exception(DEADLINE) is not None


def test_a_program_that_was_built_for_another_function_is_not_run(
    go: Launcher, folder: Path
) -> None:
    with go.running("Handler", module="own"):
        pass
    code, lines = go.ending("Other", module="own")
    assert code == 3
    assert lines[-1].startswith("loading own.Other: this program was built for own.Handler")


def test_a_folder_that_nothing_was_built_in_is_named(go: Launcher, tmp_path: Path) -> None:
    with go.running("Handler", module="own"):
        pass
    code, lines = go.ending("Handler", module="own", KUBELESS_INSTALL_VOLUME=str(tmp_path))
    assert code == 3
    assert lines[-1] == (
        f"loading own.Handler: there is no program {tmp_path}/function: build the function first"
    )


HEAD = 'package kubeless\n\nimport "tidegate.io/go/functions"\n\n'
WHOLE = "func F(functions.Event, functions.Context) (int, error) { return 1, nil }\n"
REFUSED = {
    "signature": (
        HEAD + "func F(functions.Event) (int, error) { return 1, nil }\n",
        "'F' in {file} is not a func(event functions.Event, context functions.Context) "
        "(result, error), with a result of any type",
    ),
    "type": (HEAD + WHOLE.replace("return 1", "return nope"), "undefined: nope"),
    "syntax": (HEAD + WHOLE + "func", "expected"),
    "main": (HEAD.replace("kubeless", "main") + WHOLE, "name the package kubeless"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_function_that_cannot_be_built_is_told_why(tmp_path: Path, name: str) -> None:
    code, sentence = REFUSED[name]
    file = tmp_path / "f.go"
    file.write_text(code)
    ending = build(tmp_path, MOD_NAME="f", KUBELESS_FUNC_NAME="F")
    assert ending.returncode == 3
    last = ending.stderr.splitlines()[-1]
    assert last.startswith(f"loading f.F: {file} " if name != "signature" else "loading f.F: 'F'")
    assert sentence.format(file=file) in last
    assert not (tmp_path / "server").exists()


def test_programs_may_go_elsewhere_than_the_function(tmp_path: Path) -> None:
    function, programs = tmp_path / "function", tmp_path / "programs"
    function.mkdir()
    programs.mkdir()
    (function / "f.go").write_text(HEAD + WHOLE)
    assert build(function, str(programs), MOD_NAME="f", FUNC_HANDLER="F").returncode == 0
    assert [path.name for path in function.iterdir()] == ["f.go"]
    assert sorted(path.name for path in programs.iterdir()) == ["function", "server"]


def build(folder: Path, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "KUBELESS_INSTALL_VOLUME": str(folder), **env}
    command = [str(FOLDER / "go" / "build"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    "command", ["go vet ./...", "go test ./...", "test -z $(gofmt -l .)"], ids=lambda text: text[:7]
)
def test_the_servers_own_checks_pass(command: str) -> None:
    done = subprocess.run(
        command, shell=True, cwd=FOLDER / "go", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
