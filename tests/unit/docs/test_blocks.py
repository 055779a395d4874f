"""Every block of commands is run by a test or says why not; every manifest is right."""

from __future__ import annotations

import pytest

from tests.unit.docs.blocks import FILE, GOES_ON, NOT_RUN, RUN, UNTIL, Block, blocks
from tests.unit.docs.pages import Page, pages
from tests.unit.docs.sources import files
from tidegate.api.loader import load

EVERY_PAGE = pytest.mark.parametrize("each", pages(), ids=lambda each: each.name)
ALL = [block for page in pages() for block in blocks(page)]
MANIFESTS = [one for one in ALL if one.language == "yaml" and "kubeless.io/v1beta1" in one.text]


@EVERY_PAGE
def test_every_block_names_its_language_so_that_no_command_hides(each: Page) -> None:
    assert [str(block) for block in blocks(each) if not block.language] == []


@EVERY_PAGE
def test_every_command_is_run_or_says_why_not(each: Page) -> None:
    unmarked = [
        str(block)
        for block in blocks(each)
        if block.has_commands and block.mark not in (RUN, GOES_ON, NOT_RUN)
    ]
    assert unmarked == [], "see tests/unit/docs/blocks.py for the comment that goes before a block"


def test_nothing_else_is_said_before_a_block() -> None:
    known = {RUN: {"laptop", f"laptop, {UNTIL}"}, GOES_ON: None, NOT_RUN: None, FILE: None}
    for block in ALL:
        if block.mark:
            assert block.mark in known, block
            allowed = known[block.mark]
            assert allowed is None or block.note in allowed, block


def test_a_test_that_is_named_in_place_of_a_run_exists() -> None:
    for block in ALL:
        if block.mark == NOT_RUN:
            named = [word.strip(",;") for word in block.note.split() if word.startswith("tests/")]
            root = next(iter(files())).parents[1]
            assert all((root / name).exists() for name in named), block


def test_there_are_manifests_to_check() -> None:
    assert len(MANIFESTS) > 15


@pytest.mark.parametrize("block", MANIFESTS, ids=str)
def test_a_manifest_is_right(block: Block) -> None:
    objects, problems = load(block.text)
    assert objects
    assert [str(problem) for problem in problems] == []
