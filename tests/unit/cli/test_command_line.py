"""The verbs that need nothing running."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner, Result

from tests.unit.cli.manifests import function
from tidegate import __version__
from tidegate.cli import main
from tidegate.cli.app import app, run
from tidegate.cli.errors import CommandError
from tidegate.cli.publish import headers_from


def every_verb(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield what to type for each group and each verb, hidden ones too."""
    verb = get_command(app) if group is None else group
    yield path
    for name, one in getattr(verb, "commands", {}).items():
        yield from every_verb(one, (*path, name))


def invoke(*arguments: str) -> Result:
    """Run the command line in this process."""
    return CliRunner(env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"}).invoke(app, arguments)


def test_times_are_json_in_utc() -> None:
    result = invoke(
        "cron", "next", "0 9 * * mon", "--after", "2026-01-01T00:00:00Z", "--count", "2",
        "--time-zone", "Europe/Berlin", "-o", "json",
    )  # fmt: skip
    assert json.loads(result.stdout) == ["2026-01-05T08:00:00Z", "2026-01-12T08:00:00Z"]


@pytest.mark.parametrize("after", ["2026-01-01", "2026-01-01T01:00:00+01:00"])
def test_times_begin_where_they_are_told_to(after: str) -> None:
    result = invoke("cron", "next", "@hourly", "--after", after, "--count", "1")
    assert result.stdout == "2026-01-01T01:00:00Z\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["0 0 31 2 *"], "never fires"),
        (["x"], "exactly 5 are needed"),
        (["@daily", "--time-zone", "Mars/Base"], "Mars/Base"),
        (["@daily", "--after", "soon"], "is not a time"),
        (["@daily", "--after", "9999-12-31T12:00:00Z"], ""),
    ],
)
def test_a_wrong_schedule_ends_with_2_and_a_sentence(
    arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["tidegate", "cron", "next", *arguments, "-o", "json"])
    assert main() == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("tidegate: ") and words in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("verb", list(every_verb()), ids=" ".join)
def test_help_fits_80_columns(verb: tuple[str, ...]) -> None:
    result = invoke(*verb, "--help")
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "Show this message" in result.stdout


@pytest.mark.parametrize("verb", list(every_verb()), ids=" ".join)
def test_no_verb_is_cut_in_the_help_of_its_group(verb: tuple[str, ...]) -> None:
    _, _, commands = invoke(*verb, "--help").stdout.partition("Commands:\n")
    lines = commands.splitlines()
    # A terminal of 80 columns shows 78 of them; this runner shows 80.
    assert [line for line in lines if line.endswith("...") or len(line) > 78] == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_each_shell_gets_its_script(shell: str) -> None:
    result = invoke("completion", shell)
    assert result.exit_code == 0
    assert "_TIDEGATE_COMPLETE" in result.stdout


def test_the_version_is_said_by_two_ways() -> None:
    assert invoke("version").stdout == f"tidegate {__version__}\n"
    command = [sys.executable, "-c", "import sys; from tidegate.cli import main; sys.exit(main())"]
    started = time.perf_counter()
    answer = subprocess.run([*command, "version"], capture_output=True, text=True, check=True)
    assert answer.stdout == f"tidegate {__version__}\n"
    assert time.perf_counter() - started < 2.0


def test_the_version_imports_nothing_heavy() -> None:
    code = (
        "import sys; from tidegate.cli import main; sys.argv[1:] = ['version']; main();"
        "print([m for m in ('typer', 'pydantic', 'aiohttp', 'rich', 'gateway', 'asyncio')"
        " if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout.endswith("\n[]\n")


def test_the_command_line_imports_no_plane_before_a_verb_needs_it() -> None:
    code = (
        "import sys; import tidegate.cli.app;"
        "print([m for m in ('pydantic', 'aiohttp', 'gateway.app', 'nats', 'rich.table')"
        " if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout == "[]\n"


def test_validation_speaks_yaml(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(function(handler="nodot"))
    result = invoke("validate", str(tmp_path), "-o", "yaml")
    (row,) = yaml.safe_load(result.stdout)
    assert result.exit_code == 1
    assert (row["severity"], row["line"], row["field"]) == ("error", 6, "spec.handler")


def test_a_user_error_is_never_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tidegate", "validate", "nowhere"])
    assert run() == 2
    assert capsys.readouterr().err.startswith("tidegate: there is no file or folder nowhere")


@pytest.mark.parametrize(
    "arguments", [["function", "call", "x", "--data"], ["trigger", "tail", "-n"]]
)
def test_an_option_without_its_value_is_a_sentence(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tidegate", *arguments])
    assert run() == 2
    error = capsys.readouterr().err
    assert error.startswith("tidegate: Option ") and "requires an argument; see tidegate" in error


def test_headers_are_name_and_value() -> None:
    assert headers_from(["A: b", "C:d:e"]) == {"A": "b", "C": "d:e"}
    for wrong in ("plain", ": x", "A: b\nC: d"):
        with pytest.raises(CommandError, match="Name: value"):
            headers_from([wrong])


def test_a_broker_that_is_not_there_is_one_sentence_without_credentials(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "nats://user:secret@127.0.0.1:1"
    monkeypatch.setattr(sys, "argv", ["tidegate", "publish", "nats", "a", "b", "--url", url])
    assert run() == 3
    error = capsys.readouterr().err
    assert error.startswith("tidegate: NATS at 127.0.0.1:1: ")
    assert "secret" not in error
