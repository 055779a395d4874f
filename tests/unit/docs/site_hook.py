"""Brings pages from outside of docs/ into the site, and leads their links there. Run by mkdocs.

In the repository a page lies beside what it is about, and its links are paths from there. In the
site each has a place of its own. What is linked and is no page, such as an example, comes along.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[3]
HOME = "index.md"
PLACES = {
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "examples/README.md": "examples/index.md",
    "examples/kinesis/README.md": "examples/kinesis.md",
    "runtimes/contract.md": "runtimes/contract.md",
    **{
        f"runtimes/{language}/README.md": f"runtimes/{language}.md"
        for language in ("exec", "go", "java", "nodejs", "php", "python", "ruby")
    },
}
ORIGINS = {place: origin for origin, place in PLACES.items()}

_FENCE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<=\]\()([^)\s:]+)(?=\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie elsewhere, and the files that pages link."""
    for origin, place in PLACES.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / origin)))
    for origin in sorted(_linked(files)):
        files.append(File.generated(config, origin, abs_src_path=str(ROOT / origin)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead the links of a page to where their targets are in the site."""
    origin = origin_of(page.file.src_uri)

    def moved(match: re.Match[str]) -> str:
        return site_link(origin, match[1])

    parts = _FENCE.split(markdown)
    return "".join(part if part.startswith("```") else _LINK.sub(moved, part) for part in parts)


def site_link(origin: str, link: str) -> str:
    """Return a link of the page at `origin` in the repository as one of its page in the site."""
    name, mark, heading = link.partition("#")
    if not name:
        return link
    target = _place(_resolved(origin, name))
    folder = os.path.dirname(_place(origin))
    return os.path.relpath(target, folder or ".") + mark + heading


def origin_of(place: str) -> str:
    """Return where in the repository a page of the site lies."""
    return ORIGINS.get(place, f"docs/{place}")


def _resolved(origin: str, name: str) -> str:
    return os.path.normpath(os.path.join(os.path.dirname(origin), name))


def _place(path: str) -> str:
    """Return the place of a file or folder; a folder without a page has that of the one above."""
    if path.startswith("docs/"):
        inside = path.removeprefix("docs/")
        return f"{inside}/README.md" if (ROOT / path).is_dir() else inside
    if path in PLACES or not (ROOT / path).is_dir():
        return HOME if path == "README.md" else PLACES.get(path, path)
    page = os.path.normpath(os.path.join(path, "README.md"))
    return _place(page if (ROOT / page).exists() else os.path.dirname(path))


def _linked(files: Files) -> set[str]:
    """Return the files outside of docs/ that pages link and that are no pages."""
    origins = [origin_of(file.src_uri) for file in files.documentation_pages()]
    found = {
        _resolved(origin, link.partition("#")[0])
        for origin in origins
        for part in _FENCE.split((ROOT / origin).read_text(encoding="utf-8"))[::2]
        for link in _LINK.findall(part)
        if not link.startswith("#")
    }
    return {
        path
        for path in found
        if (ROOT / path).is_file() and not path.startswith("docs/") and _place(path) == path
        if path not in PLACES
    }
