"""Text into resources: every object that is right, and every mistake in those that are not.

Pure: the caller reads files. One wrong object does not hide the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tidegate.api.composer import Document
from tidegate.api.document import documents
from tidegate.api.kinds import CORE_KINDS, CUSTOM_KINDS
from tidegate.api.metadata import API_VERSION, GROUP, Resource
from tidegate.api.mistake import Mistake
from tidegate.api.problem import (
    Origin,
    Path,
    Problem,
    Severity,
    field_text,
    listed,
    nearest,
    quoted,
)
from tidegate.api.reading import read

MAX_LIST_DEPTH: Final = 4

_LISTS: Final = frozenset({"List", *(f"{kind}List" for kind in (*CUSTOM_KINDS, *CORE_KINDS))})


def load(text: str, file: str = "") -> tuple[list[Resource], list[Problem]]:
    """Read every object of YAML (any number of documents) or, by the file's name, of JSON.

    `file` is what problems call the text. Text above 1 MiB is refused.
    """
    resources: list[Resource] = []
    found, problems = documents(text, file)
    for document in found:
        for path, value in _objects(document.value, ()):
            origin = Origin(file, document.lines, path)
            written = _mistakes_below(document, path)
            resource, wrong = _read_object(value, origin, written)
            problems += wrong
            if resource is not None:
                resource.written_as(value)
                resources.append(resource)
    return resources, sorted(problems, key=lambda problem: problem.line or 0)


def resource_from(
    value: Any, origin: Origin | None = None
) -> tuple[Resource | None, list[Problem]]:
    """Read one object that is already parsed, as an API server hands it out."""
    return _read_object(value, origin or Origin(), [])


def _objects(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Unpack lists of objects; an empty document is no object."""
    items = value.get("items") if isinstance(value, dict) else None
    is_list = isinstance(items, list) and str(value.get("kind")) in _LISTS
    if is_list and len(path) < 2 * MAX_LIST_DEPTH:
        for index, item in enumerate(items or ()):
            yield from _objects(item, (*path, "items", index))
    elif value is not None:
        yield path, value


def _mistakes_below(document: Document, path: Path) -> list[Mistake]:
    depth = len(path)
    return [
        mistake._replace(path=mistake.path[depth:])
        for mistake in document.mistakes
        if mistake.path[:depth] == path
    ]


def _read_object(
    value: Any, origin: Origin, written: list[Mistake]
) -> tuple[Resource | None, list[Problem]]:
    if not isinstance(value, Mapping):
        message = "holds no object"
        fix = f"start it with apiVersion: {API_VERSION} and kind: Function"
        return None, [Problem(message, fix, origin.file, origin.line())]
    name = _object_name(value)
    refusal = _kind_refusal(value)
    if refusal is not None:
        mistake, severity = refusal
        return None, [_problem(mistake, name, origin, severity)]
    model = CUSTOM_KINDS.get(value["kind"]) or CORE_KINDS[value["kind"]]
    resource, mistakes = read(model, value)
    problems = [_problem(mistake, name, origin) for mistake in (*written, *mistakes)]
    if resource is None or problems:
        return None, problems
    resource.written_at(origin)
    return resource, []


def _object_name(value: Mapping[str, Any]) -> str:
    metadata = value.get("metadata")
    named = metadata if isinstance(metadata, Mapping) else {}
    kind = value.get("kind") if isinstance(value.get("kind"), str) else "object"
    namespace = named.get("namespace") or "default"
    return f"{str(kind)[:64]} {str(namespace)[:64]}/{str(named.get('name') or '?')[:64]}"


def _kind_refusal(value: Mapping[str, Any]) -> tuple[Mistake, Severity] | None:
    """Say why an object's kind and version are not understood, if they are not."""
    version, kind = value.get("apiVersion"), value.get("kind")
    if not isinstance(kind, str) or not kind:
        fix = f"add kind: {listed(CUSTOM_KINDS)}"
        # Neither of the two: most likely somebody else's file that lies in the same folder.
        severity = Severity.ERROR if version else Severity.WARNING
        return Mistake("is missing", fix, ("kind",)), severity
    if kind not in CUSTOM_KINDS and kind not in CORE_KINDS:
        return _unknown_kind(kind, str(version or ""))
    wanted = API_VERSION if kind in CUSTOM_KINDS else "v1"
    if version is None:
        return Mistake("is missing", f"add apiVersion: {wanted}", ("apiVersion",)), Severity.ERROR
    if version != wanted:
        message = f"{quoted(version)} is not the version of {kind}"
        return Mistake(message, f"write apiVersion: {wanted}", ("apiVersion",)), Severity.ERROR
    return None


def _unknown_kind(kind: str, version: str) -> tuple[Mistake, Severity]:
    """An unknown kind of our group is an error; one of another group is somebody else's."""
    known = listed(CUSTOM_KINDS)
    guess = nearest(kind, CUSTOM_KINDS)
    fix = f"did you mean {guess}? The kinds are {known}" if guess else f"the kinds are {known}"
    foreign = version and version.partition("/")[0] != GROUP
    severity = Severity.WARNING if foreign else Severity.ERROR
    return Mistake(f"{quoted(kind)} is not a kind that runs here", fix, ("kind",)), severity


def _problem(
    mistake: Mistake, name: str, origin: Origin, severity: Severity = Severity.ERROR
) -> Problem:
    line = origin.line(mistake.path)
    field = field_text(mistake.path)
    return Problem(mistake.message, mistake.fix, origin.file, line, name, field, severity)
