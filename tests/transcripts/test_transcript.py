"""How transcripts are read and compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.transcripts.terminal import Terminal
from tests.transcripts.transcript import Step, matches, steps

TEXT = """\
A remark.

$ tidegate version
tidegate ...
$ tidegate function list \\
    -n shop
there is none

[exit 2]
"""


def test_a_transcript_has_commands_what_they_print_and_how_they_end(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text(TEXT)
    first, second = steps(tmp_path / "one.txt")
    assert first == Step(3, "tidegate version", ("tidegate ...",))
    assert second.command == "tidegate function list \\\n    -n shop"
    assert (second.printed, second.code) == (("there is none", ""), 2)


@pytest.mark.parametrize(
    ("wanted", "said", "same"),
    [
        (["a"], ["a"], True),
        (["a"], ["b"], False),
        (["a"], ["a", "b"], False),
        (["a...z"], ["abcz"], True),
        (["...", "z"], ["a", "b", "z"], True),
        (["..."], [], True),
        (["NAME   KIND"], ["NAME        KIND"], True),
        (["NAME KIND"], ["NAMEKIND"], False),
        ([], ["a"], False),
    ],
)
def test_lines_are_compared(wanted: list[str], said: list[str], same: bool) -> None:
    assert matches(wanted, said) is same


async def test_a_command_that_says_something_else_fails(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("$ echo yes\nyes\n$ echo no; exit 3\nyes\n[exit 3]\n")
    with pytest.raises(AssertionError, match=r"one\.txt:3.*\n.*wanted\nyes\n.*\n.*got\nno"):
        await Terminal(tmp_path).play(tmp_path / "one.txt")


async def test_a_command_that_ends_otherwise_fails(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("$ exit 2\n[exit 3]\n")
    with pytest.raises(AssertionError, match="exit 2"):
        await Terminal(tmp_path).play(tmp_path / "one.txt")
