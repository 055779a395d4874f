"""Every link, path and name in the documentation leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.docs.pages import ROOT, Page, anchor, page, pages
from tests.unit.docs.sources import defines, members

TOP = "gateway|controllers|tidegate|runtimes|tests|docs|examples|benchmarks|manifests|requirements"
PATH = re.compile(rf"(?:{TOP}|\.ci)/[A-Za-z0-9_./-]*|[A-Z]+\.md|Makefile|pyproject\.toml")
MEMBER = re.compile(r"([A-Z]\w+)\.(\w+)(?:\(\))?")
EVERY_PAGE = pytest.mark.parametrize("each", pages(), ids=lambda each: each.name)
OTHER_LANGUAGES = frozenset(f"runtimes/{name}/" for name in ("go", "java", "nodejs", "php", "ruby"))
ABOUT_PYTHON = [each for each in pages() if not each.name.startswith(tuple(OTHER_LANGUAGES))]

NOT_CODE = frozenset({"Function", "HTTPTrigger", "CronJobTrigger", "NATSTrigger", "KafkaTrigger"})
"""Kinds: what follows their dot is a field of a manifest."""


@EVERY_PAGE
def test_every_link_leads_to_a_file_and_to_a_heading_of_it(each: Page) -> None:
    assert [link for link in each.links() if not _resolves(each.path, link)] == []


def _resolves(origin: Path, link: str) -> bool:
    name, _, heading = link.partition("#")
    target = (origin.parent / name) if name else origin
    if not target.exists():
        return False
    return not heading or target.suffix != ".md" or heading in Page(target).anchors()


@EVERY_PAGE
def test_every_path_that_is_named_exists(each: Page) -> None:
    named = (code.partition(": ")[0] for code in each.codes())
    paths = [path for path in named if PATH.fullmatch(path)]
    assert [path for path in paths if not (ROOT / path).exists()] == []


@EVERY_PAGE
def test_every_name_after_a_file_is_defined_there(each: Page) -> None:
    pairs = (code.split(": ") for code in each.codes() if re.match(r"\S+\.py: ", code))
    missing = [
        (file, name) for file, name in pairs if not defines(ROOT / file, name.removesuffix("()"))
    ]
    assert missing == []


@pytest.mark.parametrize("each", ABOUT_PYTHON, ids=lambda each: each.name)
def test_every_member_of_a_class_exists(each: Page) -> None:
    found = members()
    matches = (MEMBER.fullmatch(code) for code in each.codes())
    named = [match.groups() for match in matches if match and match[1] not in NOT_CODE]
    ours = [(owner, name) for owner, name in named if owner in found]
    assert [f"{owner}.{name}" for owner, name in ours if name not in found[owner]] == []


def test_the_architecture_names_files_functions_and_members() -> None:
    codes = page("docs/architecture.md").codes()
    assert sum(bool(PATH.fullmatch(code.partition(": ")[0])) for code in codes) > 30
    assert sum(bool(re.match(r"\S+\.py: ", code)) for code in codes) > 20


def test_headings_have_the_anchors_that_links_use() -> None:
    assert anchor("Settle once, and `Outcome`!") == "settle-once-and-outcome"


def test_every_decision_has_its_three_parts_and_is_listed() -> None:
    index = page("docs/decisions/README.md").links()
    decisions = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
    assert [path.name for path in decisions] == sorted(index)
    for number, path in enumerate(decisions, 1):
        assert path.name.startswith(f"{number:04}-")
        assert {"context", "decision", "consequences"} <= Page(path).anchors(), path.name
