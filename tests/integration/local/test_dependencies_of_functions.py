"""Dependencies and orphans: what stays on the machine, and what must not."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from controllers.desired.code import Archive, Code, Encoding
from controllers.local.settings import LocalSettings
from controllers.local.status import State
from tests.support.laptop import Laptop, function, wait_until_gone
from tests.support.waiting import until

OTHER = ("default", "other")


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Return a folder with one package, greeting 1.0, so that no test needs a network."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / "greeting-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("greeting.py", "WORD = 'good morning'\n")
        wheel.writestr(
            "greeting-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n",
        )
        wheel.writestr(
            "greeting-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr("greeting-1.0.dist-info/RECORD", "")
    return folder


def environments(settings: LocalSettings) -> list[Path]:
    """Return what is in the folder of environments, links left out."""
    folder = settings.state_dir / "environments"
    return [path for path in folder.iterdir() if not path.is_symlink()]


async def test_equal_dependencies_are_installed_once_and_shared(
    laptop: Laptop, settings: LocalSettings, index: Path
) -> None:
    deps = f"--no-index\n--find-links {index}\ngreeting==1.0\n"
    one = function("import greeting; return greeting.WORD", deps=deps)
    laptop.functions.want([one, replace(one, name="other")])
    await laptop.ready()
    await laptop.ready(key=OTHER)
    assert await laptop.call() == "good morning"
    assert await laptop.call(laptop.endpoints[OTHER][0]) == "good morning"
    assert len(environments(settings)) == 1
    assert sum("Successfully installed" in line.text for line in laptop.lines) == 1


async def test_a_failed_installation_shows_the_installers_last_words(
    laptop: Laptop, settings: LocalSettings, index: Path
) -> None:
    deps = f"--no-index\n--find-links {index}\nno-such-package\n"
    laptop.functions.want([function(deps=deps)])
    await laptop.until(lambda: laptop.printed("failed with code"))
    status = laptop.status()
    assert status.state is State.FAILING
    assert "No matching distribution found for no-such-package" in status.reason
    assert environments(settings) == []


async def test_dependencies_may_lie_in_the_archive(
    laptop: Laptop, tmp_path: Path, index: Path
) -> None:
    packed = tmp_path / "code.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("hello.py", "import greeting\nmain = lambda *_: greeting.WORD\n")
        archive.writestr("requirements.txt", f"--no-index\n--find-links {index}\ngreeting\n")
    content = base64.b64encode(packed.read_bytes()).decode()
    code = Code(content, Encoding.BASE64, Archive.ZIP, carries_deps=True)
    laptop.functions.want([function(code=code)])
    await laptop.ready()
    assert await laptop.call() == "good morning"


async def test_a_function_without_dependencies_does_not_see_our_packages(laptop: Laptop) -> None:
    body = "import importlib.util; return str(importlib.util.find_spec('aiohttp'))"
    laptop.functions.want([function(body)])
    await laptop.ready()
    assert await laptop.call() == "None"


PARENT = """
import asyncio, json, sys
from pathlib import Path
from controllers.desired.code import Code
from controllers.desired.local import LocalFunction
from controllers.local.functions import LocalFunctions
from controllers.local.settings import LocalSettings

busy = "import threading\\ndef spin():\\n    while True: pass\\n" \\
       "threading.Thread(target=spin, daemon=True).start()\\ndef main(event, context): pass\\n"

async def main():
    ready = asyncio.Event()
    functions = LocalFunctions(LocalSettings(Path(sys.argv[1])), lambda *_: ready.set())
    functions.want([LocalFunction("default", "hello", "python3.11", "hello.main", Code(busy))])
    running = asyncio.create_task(functions.run())
    await ready.wait()
    print(json.dumps(functions.status()[0].pids), flush=True)
    await running

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent")
def test_no_process_outlives_a_killed_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path / "state")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pids = json.loads(parent.stdout.readline())
        assert pids
        os.kill(parent.pid, signal.SIGKILL)
    wait_until_gone(pids)


async def test_code_is_written_once_for_functions_that_share_it(
    laptop: Laptop, settings: LocalSettings
) -> None:
    laptop.functions.want([function(), replace(function(), name="other")])
    await laptop.ready()
    await laptop.ready(key=OTHER)
    assert len(list((settings.state_dir / "code").iterdir())) == 1


async def test_a_stopped_run_leaves_only_what_it_can_use_again(
    laptop: Laptop, settings: LocalSettings
) -> None:
    laptop.functions.want([function()])
    await laptop.ready()
    await laptop.stop()
    await until(lambda: laptop.task.done(), timeout=5)
    assert {path.name for path in settings.state_dir.iterdir()} == {"code"}
