"""Children, backoff, and what is left over between runs."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from controllers.local import tasks
from controllers.local.backoff import Backoff
from controllers.local.child import Child, Command, exit_sentence, machine_env
from controllers.local.environments import meaningful
from controllers.local.interpreters import Interpreters, own_version
from controllers.local.settings import LogSettings
from controllers.local.state_dir import new_run_folder, sweep
from controllers.local.workshop import installer_env
from tests.support.laptop import alive
from tests.support.waiting import until


def python(code: str, folder: Path) -> Command:
    return Command((sys.executable, "-I", "-S", "-c", code), machine_env(), folder)


async def test_output_is_read_to_its_end_and_the_code_is_known(tmp_path: Path) -> None:
    said: list[tuple[str, str]] = []
    code = "import sys; print('out'); print('the reason', file=sys.stderr); sys.exit(3)"
    child = await Child.start(
        python(code, tmp_path), LogSettings(), lambda stream, text: said.append((stream, text))
    )
    assert await child.exited_within(10)
    await child.kill()
    assert sorted(said) == [("stderr", "the reason"), ("stdout", "out")]
    assert exit_sentence(child.code, child.last_words()).endswith("with code 3: the reason")


async def test_a_child_leads_a_session_of_its_own(tmp_path: Path) -> None:
    said: list[str] = []
    code = "import os; print(os.getsid(0) == os.getpid())"
    child = await Child.start(
        python(code, tmp_path), LogSettings(), lambda _, text: said.append(text)
    )
    await child.exited_within(10)
    await child.kill()
    assert said == ["True"]


async def test_the_children_of_a_child_do_not_outlive_it(tmp_path: Path) -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    code = "import os, time; pid = os.fork(); print(os.getpid(), flush=True); time.sleep(60)"
    child = await Child.start(
        python(code, tmp_path), LogSettings(), lambda _, text: said.put_nowait(text)
    )
    async with asyncio.timeout(10):
        await said.get()
        await said.get()
    await child.stop(0.0, 5.0)
    assert child.code == -15
    await until(lambda: not alive(child.pid), timeout=5)


async def test_a_program_that_is_not_there_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    command = Command(("/nowhere/python",), machine_env(), tmp_path)
    child = await Child.start(command, LogSettings(), lambda _, text: said.append(text))
    await child.exited_within(10)
    await child.kill()
    assert child.code == 1
    assert "No such file" in child.last_words()


async def test_a_folder_that_is_not_there_leaves_no_pipe_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileNotFoundError):
        await Child.start(python("", tmp_path / "nowhere"), LogSettings(), lambda *_: None)
    await asyncio.sleep(0)
    assert len(os.listdir("/proc/self/fd")) == before


def test_signals_are_called_by_name() -> None:
    assert exit_sentence(-9, "ignored") == "the process was ended by SIGKILL"
    assert exit_sentence(-63, "") == "the process was ended by signal 63"
    assert exit_sentence(0, "") == "the process exited with code 0"


def test_only_what_describes_the_machine_is_passed_on() -> None:
    ours = {"PATH": "/bin", "HOME": "/root", "AWS_SECRET_ACCESS_KEY": "x", "PIP_INDEX_URL": "y"}
    assert machine_env(ours) == {"PATH": "/bin", "HOME": "/root"}
    assert installer_env(ours) == {"PATH": "/bin", "HOME": "/root", "PIP_INDEX_URL": "y"}


def test_waits_double_up_to_the_longest_until_reset() -> None:
    backoff = Backoff(0.1, 0.5)
    assert [backoff.after_failure() for _ in range(5)] == [0.1, 0.2, 0.4, 0.5, 0.5]
    backoff.reset()
    assert backoff.after_failure() == 0.1


def test_requirements_of_blank_lines_and_comments_need_no_environment() -> None:
    assert not meaningful("\n  \n# nothing yet\n")
    assert meaningful("# one\nsix\n")


async def test_a_version_that_is_not_there_falls_back_to_our_own() -> None:
    interpreters = Interpreters()
    own = await interpreters.find(own_version())
    assert own.endswith(f"python{own_version()}")
    assert await interpreters.find("3.99") == own


async def test_a_stand_in_on_the_path_is_not_taken_for_an_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = tmp_path / "python3.98"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    interpreters = Interpreters()
    assert await interpreters.find("3.98") == await interpreters.find(own_version())


async def test_stopping_leaves_draining_tasks_alone_until_the_time_is_up() -> None:
    cancellations = 0

    async def stubborn() -> None:
        nonlocal cancellations
        while cancellations < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancellations += 1
                if cancellations == 2:
                    raise

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    stopping = asyncio.create_task(tasks.stop([task], 0.05))
    await asyncio.sleep(0)
    assert cancellations == 1
    await stopping
    assert (cancellations, task.cancelled()) == (2, True)


def test_sweeping_removes_dead_runs_and_what_is_unused(tmp_path: Path) -> None:
    mine = new_run_folder(tmp_path)
    dead = tmp_path / "run.99999999.abc"
    old, used = tmp_path / "code" / "old", tmp_path / "code" / "used"
    environment = tmp_path / "environments" / "digest.abc"
    for folder in (dead, old, used, environment):
        folder.mkdir(parents=True)
    link = tmp_path / "environments" / "digest"
    link.symlink_to(environment.name)
    os.utime(old, (0, 0))
    os.utime(environment, (0, 0))
    sweep(tmp_path, unused_since=1000.0)
    assert mine.exists()
    assert used.exists()
    assert not any(path.exists() or path.is_symlink() for path in (dead, old, environment, link))
