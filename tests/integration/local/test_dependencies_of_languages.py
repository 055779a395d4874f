"""What functions in other languages need is installed and compiled once, and told when it fails."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from controllers.desired.code import Code
from controllers.local.settings import LocalSettings
from controllers.local.status import State
from tests.support.laptop import Laptop, function

OTHER = ("default", "other")


def needs(program: str) -> pytest.MarkDecorator:
    missing = shutil.which(program) is None
    return pytest.mark.skipif(missing, reason=f"there is no {program} on this machine")


def made(settings: LocalSettings, kind: str) -> list[Path]:
    """The links to what was made of one kind."""
    return [path for path in (settings.state_dir / kind).glob("*") if path.is_symlink()]


@pytest.fixture
def package(tmp_path: Path) -> str:
    """A package.json that asks for a package on this machine."""
    folder = tmp_path / "greeting"
    folder.mkdir()
    (folder / "package.json").write_text('{"name": "greeting", "version": "1.0.0"}')
    (folder / "index.js").write_text("module.exports = 'good morning';\n")
    return json.dumps({"dependencies": {"greeting": f"file:{folder}"}})


@needs("npm")
async def test_a_change_of_the_code_installs_nothing_again(
    laptop: Laptop, settings: LocalSettings, package: str
) -> None:
    text = "exports.main = () => require('greeting') + '%s';\n"
    one = function(code=Code(text % "!"), runtime="nodejs22", deps=package)
    laptop.functions.want([one])
    await laptop.ready()
    assert await laptop.call() == "good morning!"
    laptop.functions.want([one, replace(one, name="other", code=Code(text % "?"))])
    await laptop.ready(key=OTHER)
    assert await laptop.call(laptop.endpoints[OTHER][0]) == "good morning?"
    assert len(made(settings, "dependencies")) == 1
    assert len(made(settings, "builds")) == 2


@needs("npm")
async def test_a_failed_installation_shows_npms_last_words(
    laptop: Laptop, settings: LocalSettings, tmp_path: Path
) -> None:
    deps = json.dumps({"dependencies": {"greeting": f"file:{tmp_path}/nowhere.tgz"}})
    code = Code("exports.main = () => 'hello';\n")
    laptop.functions.want([function(code=code, runtime="nodejs22", deps=deps)])
    await laptop.until(lambda: laptop.printed("installing spec.deps failed with code"))
    assert laptop.status().state is State.FAILING
    assert "nowhere.tgz" in laptop.status().reason
    assert made(settings, "dependencies") == []


GO = """
package kubeless

import (
	"example.com/greeting"
	"github.com/kubeless/kubeless/pkg/functions"
)

func Main(event functions.Event, context functions.Context) (string, error) {
	return greeting.Word, nil
}
"""


@needs("go")
async def test_a_function_in_go_brings_its_modules(laptop: Laptop, tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module example.com/greeting\n\ngo 1.21\n")
    (tmp_path / "word.go").write_text('package greeting\n\nconst Word = "good morning"\n')
    deps = (
        "module function\n\ngo 1.21\n\nrequire example.com/greeting v0.0.0\n\n"
        f"replace example.com/greeting => {tmp_path}\n"
    )
    wanted = function(code=Code(GO), runtime="go1.26", handler="hello.Main", deps=deps)
    laptop.functions.want([wanted])
    await laptop.ready()
    assert await laptop.call() == "good morning"


@needs("go")
async def test_code_that_does_not_compile_shows_the_compilers_last_words(laptop: Laptop) -> None:
    code = Code(GO.replace("greeting.Word", "1").replace('\t"example.com/greeting"\n', ""))
    laptop.functions.want([function(code=code, runtime="go1.26", handler="hello.Main")])
    await laptop.until(lambda: laptop.printed("compiling the code failed with code 3"))
    assert laptop.status().state is State.FAILING
    assert "cannot use 1" in laptop.status().reason


async def test_a_language_that_is_not_here_is_named(
    laptop: Laptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    laptop.functions.want([function(code=Code("exports.main = 1"), runtime="nodejs22")])
    await laptop.until(lambda: laptop.printed("needs node, which this machine does not have"))
    assert laptop.status().state is State.FAILING
