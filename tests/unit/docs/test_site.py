"""The site builds without a warning, and loads nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.docs.pages import ROOT

LOADED = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=[\"']?([^\"'\s>]+)")
LEFT_AS_TEXT = re.compile(r"<p>[^<]*\n(?:- |\d+\. |\|)", re.MULTILINE)
IN_STYLES = re.compile(r"url\(\s*[\"']?([^\"')]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as `make docs` does."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    return folder


def pages_of(site: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(site.rglob("*.html")):
        yield str(file.relative_to(site)), file.read_text(encoding="utf-8")


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    loaded = {target for _, text in pages_of(site) for target in LOADED.findall(text)}
    assert len(loaded) > 10
    assert [target for target in loaded if re.match(r"(?:\w+:)?//", target)] == []


def test_no_style_loads_anything_from_elsewhere(site: Path) -> None:
    styles = [file.read_text(encoding="utf-8") for file in site.rglob("*.css")]
    assert styles
    targets = {target for text in styles for target in IN_STYLES.findall(text)}
    assert [target for target in targets if re.match(r"(?:\w+:)?//", target)] == []


def test_lists_and_tables_are_not_left_as_text(site: Path) -> None:
    left = [name for name, text in pages_of(site) if LEFT_AS_TEXT.search(text)]
    assert left == []


def test_pages_from_outside_of_docs_are_in_it(site: Path) -> None:
    names = {name for name, _ in pages_of(site)}
    assert {"runtimes/contract.html", "runtimes/python.html", "project/changelog.html"} <= names
    assert (site / "examples" / "hello" / "hello.yaml").exists()
