"""What runs after each change of the files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from watchfiles import Change

from tests.unit.cli.manifests import function, joined, route
from tidegate.api.check import Known
from tidegate.cli.errors import CommandError
from tidegate.cli.up import files
from tidegate.cli.up.manifests import Manifests, Reading
from tidegate.cli.up.telling import differences
from tidegate.cli.up.watch import concerns


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a function and its trigger in two files."""
    (tmp_path / "f.yaml").write_text(function())
    (tmp_path / "t.yaml").write_text(route())
    return tmp_path


def names(reading: Reading) -> list[str]:
    """Return what runs."""
    return [str(resource) for resource in reading.resources]


HELLO, WEB = "Function default/hello", "HTTPTrigger default/web"


def test_what_is_right_runs(folder: Path) -> None:
    reading = Manifests([folder]).read()
    assert (names(reading), reading.problems, reading.kept) == ([HELLO, WEB], (), ())


def test_an_object_that_breaks_goes_on_as_it_was(folder: Path) -> None:
    manifests = Manifests([folder])
    before = manifests.read()
    (folder / "f.yaml").write_text(function(handler="nodot"))
    after = manifests.read()
    assert after.resources == before.resources
    assert after.kept == (HELLO,)
    assert "has no dot" in str(after.problems[0])
    (folder / "f.yaml").write_text(function(handler="hello.other"))
    mended = manifests.read()
    assert (mended.kept, mended.problems) == ((), ())
    assert mended.resources != before.resources


def test_a_broken_object_stays_as_it_was_over_many_reads(folder: Path) -> None:
    manifests = Manifests([folder])
    manifests.read()
    (folder / "f.yaml").write_text("{")
    assert [manifests.read().kept for _ in range(3)] == [(HELLO,)] * 3


def test_a_file_that_is_gone_takes_its_objects_along(folder: Path) -> None:
    manifests = Manifests([folder])
    manifests.read()
    (folder / "t.yaml").unlink()
    assert names(manifests.read()) == [HELLO]


def test_an_object_taken_out_of_a_file_is_gone_though_another_one_broke(folder: Path) -> None:
    manifests = Manifests([folder])
    (folder / "f.yaml").write_text(joined(function(), function("other", "other.main")))
    manifests.read()
    (folder / "f.yaml").write_text(function(handler="nodot"))
    assert names(manifests.read()) == [HELLO, WEB]


def test_a_misspelt_kind_keeps_the_object_that_had_the_name(folder: Path) -> None:
    manifests = Manifests([folder])
    manifests.read()
    (folder / "f.yaml").write_text(function().replace("Function", "Functoin"))
    assert manifests.read().kept == (HELLO,)


def test_of_two_objects_of_one_name_the_first_runs(folder: Path) -> None:
    (folder / "g.yaml").write_text(function(handler="again.main"))
    reading = Manifests([folder]).read()
    (one,) = (each for each in reading.resources if str(each) == HELLO)
    assert one.origin.file.endswith("f.yaml")
    assert "is there already" in str(reading.problems[0])


def test_a_clash_with_what_runs_keeps_the_version_without_it(folder: Path) -> None:
    (folder / "u.yaml").write_text(route("api", "/api"))
    manifests = Manifests([folder])
    before = manifests.read()
    (folder / "u.yaml").write_text(route("api", "/"))
    after = manifests.read()
    assert after.resources == before.resources
    assert after.kept == ("HTTPTrigger default/api",)


def test_an_unknown_runtime_does_not_run(folder: Path) -> None:
    assert names(Manifests([folder], known=Known(runtimes=["python3.12"])).read()) == [WEB]


def test_moving_an_object_to_another_file_is_no_change(folder: Path) -> None:
    manifests = Manifests([folder])
    before = manifests.read()
    (folder / "t.yaml").unlink()
    (folder / "f.yaml").write_text(joined(function(), route()))
    assert differences(before.resources, manifests.read().resources) == []


def test_differences_are_said_in_words(folder: Path) -> None:
    manifests = Manifests([folder])
    before = manifests.read()
    (folder / "t.yaml").write_text(route(path="/new"))
    (folder / "f.yaml").write_text(function("other", "other.main"))
    assert differences(before.resources, manifests.read().resources) == [
        "Function default/other: added",
        "HTTPTrigger default/web: changed",
        "Function default/hello: removed",
    ]


def test_a_file_that_cannot_be_read_is_a_problem(folder: Path) -> None:
    (folder / "x.yaml").write_bytes(b"\xff\xfe\x00")
    reading = Manifests([folder]).read()
    assert names(reading) == [HELLO, WEB]
    assert "save the file as UTF-8" in str(reading.problems[0])


def test_hidden_folders_and_the_state_folder_are_passed_over(folder: Path) -> None:
    for name in (".git", ".tidegate", "state", "node_modules", "more"):
        (folder / name).mkdir()
        (folder / name / "x.yaml").write_text("")
    (folder / "more" / "note.txt").write_text("")
    found = files.find([folder], (folder / "state").absolute())
    assert [path.relative_to(folder).as_posix() for path in found.files] == [
        "f.yaml", "t.yaml", "more/x.yaml",
    ]  # fmt: skip
    assert found.folders == (folder, folder / "more")


def test_a_named_file_is_taken_whatever_its_suffix(folder: Path) -> None:
    (folder / "note.txt").write_text("")
    assert files.find([folder / "note.txt"]).files == (folder / "note.txt",)
    assert files.find([folder / "gone.yaml"]).files == ()


def test_a_path_that_is_not_there_is_wrong_input(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="there is no file or folder") as caught:
        files.require([tmp_path / "nope"])
    assert caught.value.code == 2


def test_a_home_folder_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILES", 1)
    with pytest.raises(CommandError, match="name the folder with the manifests"):
        files.find([folder])


def test_only_what_can_matter_wakes_the_reader(tmp_path: Path) -> None:
    (tmp_path / "v1.2").mkdir()
    named = frozenset({"mine.txt"})
    seen = {
        name: concerns(Change.modified, os.path.join(tmp_path, name), named)
        for name in ("a.yaml", "b.yml", "c.json", "mine.txt", "v1.2", "out.log")
    }
    assert seen.pop("out.log") is False
    assert all(seen.values())
    assert concerns(Change.deleted, "/gone", named)


def test_what_only_a_cluster_does_is_said_on_a_laptop(folder: Path) -> None:
    guarded = """\
apiVersion: kubeless.io/v1beta1
kind: HTTPTrigger
metadata: {name: guarded}
spec: {function-name: hello, basic-auth-secret: users, cors-enable: true}
---
apiVersion: v1
kind: Secret
metadata: {name: users}
stringData: {auth: "ada:x"}
"""
    (folder / "guarded.yaml").write_text(guarded)
    said = [str(one) for one in Manifests([folder], laptop=True).read().problems]
    assert any("spec.basic-auth-secret: has no effect on a laptop" in one for one in said)
    assert any("spec.cors-enable: has no effect on a laptop" in one for one in said)
    assert not any("no effect" in str(one) for one in Manifests([folder]).read().problems)


def test_what_a_function_mounts_is_said_to_be_nowhere_on_a_laptop(folder: Path) -> None:
    mounting = """\
apiVersion: kubeless.io/v1beta1
kind: Function
metadata: {name: mounting}
spec:
  runtime: python3.11
  handler: m.f
  function: "def f(event, context): pass"
  deployment:
    spec:
      template:
        spec: {volumes: [{name: keys-vol, secret: {secretName: keys}}]}
"""
    (folder / "mounting.yaml").write_text(mounting)
    said = [str(one) for one in Manifests([folder], laptop=True).read().problems]
    (volumes,) = (one for one in said if "volumes: has no effect on a laptop" in one)
    assert "mounting.yaml:11" in volumes
    assert not any("no effect" in str(one) for one in Manifests([folder]).read().problems)
