"""Cases files of `tidegate function test`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.cli.cases import Case, read_cases
from tidegate.cli.errors import CommandError


def read(tmp_path: Path, text: str) -> list[Case]:
    file = tmp_path / "cases.toml"
    file.write_text(text)
    return read_cases(file)


def test_a_case_has_defaults(tmp_path: Path) -> None:
    assert read(tmp_path, "[[case]]\n") == [Case("case 1")]


def test_every_field_is_read(tmp_path: Path) -> None:
    text = """
        [[case]]
        name = "n"
        data = "ü"
        content-type = "text/plain"
        headers = {event-id = "1"}
        method = "PUT"
        path = "/a?b"
        status = 404
        answer = "x"
        function = "f"
    """
    headers = {"content-type": "text/plain", "event-id": "1"}
    expected = Case("n", "ü".encode(), headers, "PUT", "/a?b", 404, "x", "f")
    assert read(tmp_path, text) == [expected]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("case = 1", "begin each case with a line [[case]]"),
        ("[case]\nname = 'a'", "begin each case with a line [[case]]"),
        ("[[case]]\nanwser = 'a'", "case 1 has 'anwser'; there is name, data"),
        ("[[case]]\ndata = 1", "case 1: data must be a text in quotes"),
        ("[[case]]\nstatus = '200'", "case 1: status must be a number such as 200"),
        ("[[case]]\nheaders = {a = 1}", "case 1: headers must be texts in quotes by name"),
        ("[[case", "cannot be read"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(CommandError) as caught:
        read(tmp_path, text)
    assert sentence in str(caught.value)
    assert str(tmp_path / "cases.toml") in str(caught.value)
