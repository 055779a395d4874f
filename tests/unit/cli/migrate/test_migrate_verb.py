"""`tidegate migrate` on files, as it is called."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from tests.unit.cli.migrate.shapes import (
    KAFKA_CONTROLLER,
    controller,
    function,
    kafka,
    kinesis,
)
from tidegate.cli.app import app
from tidegate.cli.errors import CommandError, ExitCode
from tidegate.kube.objects import Object

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def written(folder: Path, *objects: Object) -> str:
    """Write a list as `kubectl get --output yaml` prints it, and return its path."""
    file = folder / "kubeless.yaml"
    file.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [*objects]}))
    return str(file)


def called(*words: str) -> Result:
    return CliRunner().invoke(app, ["migrate", *words])


def test_nothing_by_hand_is_exit_0(tmp_path: Path) -> None:
    result = called(written(tmp_path, function(), kafka(), KAFKA_CONTROLLER))
    assert result.exit_code == ExitCode.OK
    assert "By hand" not in result.output
    assert "at least once" in result.output
    assert all(len(line) <= 80 or "kubeless.yaml" in line for line in result.output.splitlines())


def test_something_by_hand_is_exit_1(tmp_path: Path) -> None:
    result = called(written(tmp_path, function(runtime="python2.7")))
    assert result.exit_code == ExitCode.FAILURE
    assert "1. Function shop/hello: spec.function: python2.7" in result.output


def test_what_cannot_be_read_is_exit_2_and_hides_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("a: [")
    written(tmp_path, function())
    result = called(str(tmp_path))
    assert result.exit_code == ExitCode.USAGE
    assert "Function shop/hello" in result.output
    assert "broken.yaml:2: column 1" in result.output


def test_an_empty_folder_has_nothing_to_tell(tmp_path: Path) -> None:
    result = called(str(tmp_path))
    assert result.exit_code == ExitCode.OK
    assert result.output == f"{tmp_path}: there is nothing of Kubeless\n"


def test_programs_are_told_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, function(runtime="python2.7"), kafka(), KAFKA_CONTROLLER)
    texts = [called(path, *form).output for form in (("-o", "json"), ("--out", "yaml"))]
    texts = [_MOMENT.sub("then", each) for each in texts]  # two calls are at two moments
    said = json.loads(texts[0])
    assert said == yaml.safe_load(texts[1])
    assert said.keys() == {"place", "objects", "changes", "byHand", "warnings", "steps"}
    assert said["objects"] == ["Function shop/hello", "KafkaTrigger shop/orders"]
    assert said["byHand"][0].keys() == {"object", "field", "message", "fix"}
    assert said["changes"][0].keys() == {"object", "field", "before", "now"}
    assert said["steps"][0].keys() == {"title", "reason", "commands"}


def test_what_is_written_is_right(tmp_path: Path) -> None:
    path = written(tmp_path, function(schedule="* * * * *"), kafka(), kinesis(), KAFKA_CONTROLLER)
    folder = tmp_path / "new" / "form"
    assert called(path, "--write", str(folder)).exit_code == ExitCode.OK
    assert sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*.yaml")) == [
        "function.shop.hello.yaml",
        "kafkatrigger.shop.orders.yaml",
        "kinesistrigger.shop.clicks.yaml",
        "new/cronjobtrigger.shop.hello.yaml",
    ]
    (folder / "kinesistrigger.shop.clicks.yaml").unlink()  # its Secret is elsewhere
    checked = CliRunner().invoke(app, ["validate", str(folder)])
    assert checked.output == "3 objects can run, 0 problems\n"


def test_what_names_no_namespace_goes_where_kubectl_puts_it(tmp_path: Path) -> None:
    loose = function(schedule="* * * * *", metadata={"namespace": None})
    result = called(written(tmp_path, loose), "--write", str(tmp_path / "out"))
    assert "Function default/hello" in result.output
    texts = [each.read_text() for each in (tmp_path / "out").rglob("*.yaml")]
    assert len(texts) == 2
    assert not any("namespace" in text for text in texts)


def test_a_name_in_a_file_leads_nowhere_else(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    called(written(tmp_path, function("../../stray")), "--write", str(folder))
    assert [each.parent for each in tmp_path.rglob("*stray*")] == [folder]


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    path = written(tmp_path, function())
    with pytest.raises(CommandError, match="name another folder with --write"):
        CliRunner().invoke(app, ["migrate", path, "--write", path], catch_exceptions=False)


def test_files_and_a_cluster_do_not_go_together(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="give one of them"):
        CliRunner().invoke(
            app, ["migrate", str(tmp_path), "--context", "old"], catch_exceptions=False
        )


def test_a_login_is_never_printed(tmp_path: Path) -> None:
    env = {"KAFKA_PASSWORD": "hidden-word"}
    path = written(tmp_path, kafka(), controller("k", "kafka-trigger-controller", env=env))
    result = called(path, "-o", "json")
    assert "KAFKA_PASSWORD" in result.output
    assert "hidden-word" not in result.output
