"""One process per state folder, and how it is found."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.place.kinds import FUNCTIONS
from tidegate.cli.place.open import run
from tidegate.cli.place.target import Target
from tidegate.cli.state import Contact, StateDir
from tidegate.kube.selection import Selection

CONTACT = Contact(1, "http://127.0.0.1:1", "http://127.0.0.1:2", "", "secret")


def test_a_second_process_is_told_who_has_the_folder(tmp_path: Path) -> None:
    first = StateDir(tmp_path / "state")
    first.acquire()
    with pytest.raises(CommandError, match=f"process {os.getpid()} is running"):
        StateDir(tmp_path / "state").acquire()
    first.release()
    second = StateDir(tmp_path / "state")
    second.acquire()
    second.release()


def test_the_folder_is_ours_alone_and_no_part_of_a_repository(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    state.acquire()
    assert stat.S_IMODE(state.folder.stat().st_mode) == 0o700
    assert (state.folder / ".gitignore").read_text() == "*\n"
    state.release()


def test_a_contact_is_readable_by_its_owner_only_and_goes_with_the_process(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.acquire()
    state.publish(CONTACT)
    assert stat.S_IMODE(state.contact_file.stat().st_mode) == 0o600
    assert StateDir(tmp_path).contact() == CONTACT
    state.release()
    with pytest.raises(CommandError, match="start it with: tidegate up"):
        state.contact()


def test_the_contact_of_a_killed_process_is_removed_by_the_next(tmp_path: Path) -> None:
    StateDir(tmp_path).publish(CONTACT)
    state = StateDir(tmp_path)
    state.acquire()
    assert not state.contact_file.exists()
    state.release()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="choose another one with --state"):
        StateDir(tmp_path / "file" / "state").acquire()


def test_a_process_that_is_gone_is_not_running(tmp_path: Path) -> None:
    StateDir(tmp_path).publish(CONTACT)
    with pytest.raises(CommandError) as caught:
        run(Target(state=tmp_path), lambda place: place.objects.list(Selection(FUNCTIONS)))
    assert caught.value.code is ExitCode.UNREACHABLE


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_damaged_contact_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "up.json").write_text(text)
    with pytest.raises(CommandError, match="no `tidegate up` is running"):
        StateDir(tmp_path).contact()
