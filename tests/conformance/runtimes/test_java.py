"""What is of Java alone: Kubeless's classes, compilation, and calls that share a process."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtimes.runtime import FOLDER
from tests.conformance.runtimes.lanes import JAVA
from tests.conformance.runtimes.launcher import Launcher, Running, gone, wait_until

pytestmark = pytest.mark.skipif(JAVA.missing is not None, reason=JAVA.missing or "")
COMPILE = str(FOLDER / "java" / "compile")
FAILURES = 'function_failures_total{method="GET"}'
KUBELESS = """
package io.kubeless;

import io.kubeless.Event;
import io.kubeless.Context;

public class Foo {
    public String foo(io.kubeless.Event event, io.kubeless.Context context) {
        String name = context.functionName + " " + context.timeout;
        return name + " " + event.EventID + " " + event.Data;
    }

    public String other(String unexpected) {
        return unexpected;
    }
}
"""

Write = Callable[[str, str], dict[str, str]]


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Launcher:
    return Launcher(JAVA, tmp_path_factory.mktemp("java"), tmp_path_factory.mktemp("java-builds"))


@pytest.fixture
def function(tmp_path: Path) -> Write:
    """Writes and compiles a class; returns the variables that say where it is."""

    def write(name: str, text: str) -> dict[str, str]:
        (tmp_path / f"{name}.java").write_text(text)
        env = {"KUBELESS_INSTALL_VOLUME": str(tmp_path)}
        subprocess.run([COMPILE], env={**os.environ, **env}, check=True, capture_output=True)
        return env

    return write


@pytest.fixture
def small(launcher: Launcher) -> Iterator[Running]:
    """A server whose function does as told, with little memory."""
    env = {"FUNC_NAME": "small", "FUNC_JAVA_OPTIONS": "-Xmx24m"}
    with launcher.running("act", **env) as server:
        yield server


def test_a_function_of_kubeless_runs_unchanged(launcher: Launcher, function: Write) -> None:
    env = function("Foo", KUBELESS)
    with launcher.running("foo", module="Foo", **env) as server:
        answer = server.call("/", "POST", [("event-id", "1")], b"two\nlines")
        assert answer.body == b"foo 10 1 two\nlines"
    code, lines = launcher.ending("other", module="Foo", **env)
    assert code == 3
    assert lines[-1].startswith("Foo.other: loading Foo.other: 'other' in ")
    assert lines[-1].endswith("has other parameters: write other(Event event, Context context)")


@pytest.mark.parametrize(
    ("text", "reason"),
    [("public class Foo { oops }", "javac failed on "), (None, "there is no file ")],
)
def test_what_cannot_be_compiled_is_told(tmp_path: Path, text: str | None, reason: str) -> None:
    if text is not None:
        (tmp_path / "Foo.java").write_text(text)
    names = {"MOD_NAME": "Foo", "FUNC_HANDLER": "foo", "KUBELESS_INSTALL_VOLUME": str(tmp_path)}
    done = subprocess.run([COMPILE], env={**os.environ, **names}, capture_output=True, text=True)
    assert done.returncode == 3
    assert f"loading Foo.foo: {reason}{tmp_path}/Foo.java" in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_a_pom_of_kubeless_brings_its_dependencies(
    launcher: Launcher, function: Write, tmp_path: Path
) -> None:
    (tmp_path / "pom.xml").write_text("""
        <project>
          <modelVersion>4.0.0</modelVersion>
          <artifactId>function</artifactId>
          <version>1.0-SNAPSHOT</version>
          <dependencies>
            <dependency>
              <groupId>joda-time</groupId><artifactId>joda-time</artifactId>
              <version>2.9.2</version>
            </dependency>
            <dependency>
              <groupId>io.kubeless</groupId><artifactId>params</artifactId>
              <version>1.0-SNAPSHOT</version>
            </dependency>
          </dependencies>
          <parent>
            <groupId>io.kubeless</groupId><artifactId>kubeless</artifactId>
            <version>1.0-SNAPSHOT</version>
          </parent>
        </project>""")
    joda = KUBELESS.replace("event.Data;", '"" + new org.joda.time.Instant(0);')
    with launcher.running("foo", module="Foo", **function("Foo", joda)) as server:
        assert server.call().body == b"foo 10 null 1970-01-01T00:00:00.000Z"


def test_a_call_that_exits_leaves_the_others_their_time(launcher: Launcher, tmp_path: Path) -> None:
    with launcher.running("act", FUNC_NAME="actor") as server, ThreadPoolExecutor(1) as pool:
        worker = server.counted()["pid"]
        other = pool.submit(server.act, "nap", file=tmp_path / "nap", seconds=0.5)
        wait_until((tmp_path / "nap").exists)
        answer = server.act("exit")
        assert (answer.status, other.result().body) == (500, b"awake")
        assert gone(worker)
        line = f"actor: worker {worker} exited with code 7 with 1 calls in flight"
        wait_until(lambda: line in server.stderr)
        assert server.counted()["count"] == 1


def test_a_call_that_sleeps_is_woken_and_costs_no_worker(
    launcher: Launcher, tmp_path: Path
) -> None:
    nap = f"/?do=nap&file={tmp_path / 'nap'}&seconds=60"
    with launcher.running("act") as server:
        before = server.counted()
        deadline = [("x-tidegate-deadline", f"{time.time() + 1}")]
        assert server.call(nap, headers=deadline).status == 408
        wait_until((tmp_path / "nap.unwound").exists)
        assert server.counted() == {"count": before["count"] + 1, "pid": before["pid"]}


def test_a_call_that_takes_all_memory_fails_alone(small: Running) -> None:
    worker = small.counted()["pid"]
    assert small.act("eat").status == 500
    assert small.metric(FAILURES) == 1
    assert "failed: java.lang.OutOfMemoryError: Java heap space" in small.stderr
    wait_until(lambda: gone(worker))
    assert small.counted()["pid"] != worker
    assert small.metric(FAILURES) == 1


MALFORMED = ["[1,]", '{"a":1,}', "01", "1.", "-", "[1 2]", '"\\x"', '"\\u12"', '"\n"', "nul", "\0"]


@pytest.mark.parametrize("depth", [400, 100_000])
def test_json_may_be_deep_but_not_endless(launcher: Launcher, depth: int) -> None:
    body = b"[" * depth + b"]" * depth
    with launcher.running("echo") as server:
        answer = server.call("/", "POST", [("Content-Type", "application/json")], body)
        assert answer.status == (200 if depth == 400 else 400)


def test_malformed_json_is_refused(launcher: Launcher) -> None:
    json = [("Content-Type", "application/json")]
    with launcher.running("echo") as server:
        for text in MALFORMED:
            assert (text, server.call("/", "POST", json, text.encode()).status) == (text, 400)
        assert server.call("/", "POST", json, b'"\xff"').status == 400
        numbers = server.call("/", "POST", json, b'[12345678901234567890, -0.5e1, "\\u00e9\\/"]')
        assert numbers.json()["data"] == {"json": [12345678901234567890, -5.0, "é/"]}
