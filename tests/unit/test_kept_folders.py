"""Folders that are filled once appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.kept import filled


def test_a_folder_appears_once_it_is_filled(tmp_path: Path) -> None:
    target = tmp_path / "cache" / "programs"
    with filled(target) as fresh:
        (fresh / "one").write_text("1")
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["one"]
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [RuntimeError("no compiler"), OSError("no space")], ids=repr)
def test_what_could_not_be_filled_leaves_nothing(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error), match="no "), filled(tmp_path / "programs") as fresh:
        (fresh / "half").touch()
        raise error
    assert list(tmp_path.iterdir()) == []


def test_of_two_at_once_the_first_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "programs"
    with filled(target) as late:
        (late / "late").touch()
        with filled(target) as first:
            (first / "first").touch()
    assert [path.name for path in target.iterdir()] == ["first"]
    assert list(tmp_path.iterdir()) == [target]
