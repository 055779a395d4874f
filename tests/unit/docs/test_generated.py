"""What is made from the code is what the code says now; no picture is left over."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.docs.generate import everything
from tests.unit.docs.pages import ROOT, pages
from tests.unit.docs.pictures import FOLDER, svg

WRITTEN = dict(everything())


@pytest.mark.parametrize("file", sorted(WRITTEN), ids=lambda file: str(file.relative_to(ROOT)))
def test_it_is_up_to_date(file: Path) -> None:
    assert file.exists() and file.read_text(encoding="utf-8") == WRITTEN[file], "run: make pages"


@pytest.mark.parametrize("picture", sorted(FOLDER.glob("*.svg")), ids=lambda one: one.name)
def test_a_picture_has_a_text_and_is_on_a_page(picture: Path) -> None:
    assert picture.with_suffix(".txt").exists()
    assert any(f"pictures/{picture.name})" in page.text for page in pages())


def test_a_picture_is_drawn_of_its_characters() -> None:
    drawn = svg("two boxes", ["┌─┐   ╔═╗", "│a│──▶║b║", "└─┘   ╚═╝"])
    assert drawn.count("<rect") == 2
    assert '<rect class="strong" x="58.5" y="10" width="18" height="40"/>' in drawn
    assert drawn.count("<polygon") == 1
    assert '<text x="9" y="35" textLength="9">a</text>' in drawn
    assert "<title>two boxes</title>" in drawn


def test_a_line_that_goes_on_is_one_line() -> None:
    assert svg("", ["──┬──", "  │  ", "  └─▶"]).count("<line") == 3


def test_a_picture_suits_readers_of_light_and_of_dark_pages() -> None:
    assert "prefers-color-scheme:dark" in svg("", ["x"])
