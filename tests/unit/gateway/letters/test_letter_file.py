"""A file of dead letters forgets nothing, whatever breaks."""

from __future__ import annotations

import fcntl
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.core.dead_letter import LETTER_ID
from gateway.core.event import CloudEvent
from gateway.errors import EventRejected, SinkUnavailable
from gateway.letters.file import FileBounds, LetterFile
from gateway.letters.lines import letter_from_line, line_from_event
from tests.support.events import event


def letter(id: str, data: bytes | None = None, **attributes: str) -> CloudEvent:
    """Return an event that says of itself that it is a dead letter."""
    return event(id, extensions={LETTER_ID: id}, data=data, **attributes)


def opened(path: Path, bounds: FileBounds | None = None) -> LetterFile:
    file = LetterFile(path, bounds)
    file.open()
    return file


def ids(file: LetterFile) -> list[str]:
    found = (letter_from_line(line) for line in file.lines())
    return [one.id for one in found if one is not None]


def fill(file: LetterFile, *names: str) -> None:
    for name in names:
        file.append(line_from_event(letter(name)))


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b'{"a":1}', "application/json"),
        (b'{ "a": 1.0 }', "application/json"),
        (b'{"a":\n1}', None),
        (b"12345678901234567890123", None),
        (b"plain\ntext", "text/plain"),
        (b"\xff\x00", "text/plain"),
        (b"", "text/plain"),
        (b"null", None),
        (None, None),
    ],
)
def test_the_very_bytes_come_back(data: bytes | None, content_type: str | None) -> None:
    line = line_from_event(letter("1", data)._replace(datacontenttype=content_type))
    read = letter_from_line(line)
    assert read is not None
    assert (read.event.data, read.event.datacontenttype) == (data, content_type)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")


def test_what_survives_a_json_parser_stays_readable() -> None:
    one = letter("1", b'{"a":1}')._replace(datacontenttype="application/json")
    assert b'"data":{"a":1}' in line_from_event(one)


def test_an_event_that_json_cannot_hold_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="JSON"):
        line_from_event(letter("1")._replace(subject="\ud800"))


def test_letters_are_kept_in_order_and_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "dead.jsonl"
    fill(opened(path), "1", "2", "3")
    assert ids(opened_again(path)) == ["1", "2", "3"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def opened_again(path: Path) -> LetterFile:
    """Read without the lock, as another process would after a crash."""
    return LetterFile(path)


WRITER = """
import sys
from pathlib import Path
from gateway.core.dead_letter import LETTER_ID
from gateway.letters.file import FileBounds, LetterFile
from gateway.letters.lines import line_from_event
from tests.support.events import event

file = LetterFile(Path(sys.argv[1]), FileBounds(segment=4096, segments=100))
file.open()
for number in range(100):
    id = f"{sys.argv[2]}-{number}"
    file.append(line_from_event(event(id, extensions={LETTER_ID: id})))
    if number % 2:
        file.remove({id})
"""


def test_processes_that_write_one_file_lose_nothing_of_each_other(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "dead")]
    writers = [
        subprocess.Popen([*command, name], cwd=Path(__file__).parents[4]) for name in ("a", "b")
    ]
    assert [writer.wait(30) for writer in writers] == [0, 0]
    kept = [f"{name}-{number}" for name in ("a", "b") for number in range(0, 100, 2)]
    assert sorted(ids(opened_again(tmp_path / "dead"))) == sorted(kept)


def test_a_file_that_another_process_does_not_let_go_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.letters.file.LOCK_TIMEOUT", 0.01)
    file = opened(tmp_path / "dead")
    with (tmp_path / "dead.lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(SinkUnavailable, match="another process has had them"):
            fill(file, "1")
    fill(file, "1")
    assert ids(file) == ["1"]
    file.close()


def test_a_full_file_is_put_aside_and_nothing_is_thrown_away(tmp_path: Path) -> None:
    size = len(line_from_event(letter("1")))
    file = opened(tmp_path / "dead", FileBounds(segment=2 * size, segments=2))
    fill(file, *"123456")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "dead", "dead.1", "dead.2", "dead.lock",
    ]  # fmt: skip
    with pytest.raises(SinkUnavailable, match="make room with tidegate dlq"):
        fill(file, "7")
    assert ids(file) == list("123456")
    file.remove({"1", "2"})
    fill(file, "7")
    assert ids(file) == list("34567")


def test_a_letter_that_fits_in_no_file_is_refused(tmp_path: Path) -> None:
    file = opened(tmp_path / "dead", FileBounds(segment=100))
    with pytest.raises(EventRejected, match="more than the 100 of a file"):
        file.append(line_from_event(letter("1", b"x" * 200)))


def test_a_line_that_a_crash_cut_off_hurts_no_other(tmp_path: Path) -> None:
    path = tmp_path / "dead"
    file = opened(path)
    fill(file, "1")
    with path.open("ab") as torn:
        torn.write(line_from_event(letter("2"))[:20])
    fill(file, "3")
    assert ids(file) == ["1", "3"]
    file.remove({"1"})
    assert ids(file) == ["3"]


def test_a_write_that_fails_leaves_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "dead"
    file = opened(path)
    fill(file, "1")
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("gateway.letters.file.os.fsync", full)
        with pytest.raises(SinkUnavailable, match="No space left"):
            fill(file, "2")
    assert path.read_bytes() == before


def test_removing_keeps_all_others_and_what_is_no_letter(tmp_path: Path) -> None:
    path = tmp_path / "dead"
    file = opened(path)
    fill(file, "1", "2")
    with path.open("ab") as note:
        note.write(b"a note of somebody\n")
    fill(file, "3", "1")
    file.remove({"1", "unknown"})
    assert ids(file) == ["2", "3"]
    assert b"a note of somebody\n" in path.read_bytes()
    assert not path.with_name("dead.new").exists()


def test_a_file_without_letters_is_gone(tmp_path: Path) -> None:
    file = opened(tmp_path / "dead")
    fill(file, "1")
    file.remove({"1"})
    assert not (tmp_path / "dead").exists()
    assert ids(file) == []


def test_a_reader_sees_what_was_there_when_it_began(tmp_path: Path) -> None:
    file = opened(tmp_path / "dead")
    fill(file, "1", "2", "3")
    lines = file.lines()
    next(lines)
    file.remove({"2"})
    fill(file, "4")
    assert len(list(lines)) == 2


def test_a_link_in_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "dead").symlink_to(victim)
    with pytest.raises(SinkUnavailable):
        fill(opened(tmp_path / "dead"), "1")
    assert victim.read_text() == "precious"
