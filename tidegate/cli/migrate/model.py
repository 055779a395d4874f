"""What is told of the way over: what changes, what is to be done by hand, and what comes of it.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tidegate.api.metadata import API_VERSION
from tidegate.api.problem import Path, field_text
from tidegate.kube.objects import Object


class Change(NamedTuple):
    """What an object meant, and what it means from now on."""

    object: str
    field: str
    before: str
    now: str


class Task(NamedTuple):
    """What nobody but a person can decide or do."""

    object: str
    field: str
    message: str
    fix: str


class Step(NamedTuple):
    """Commands that belong together, and why they come here."""

    title: str
    reason: str
    commands: tuple[str, ...]


@dataclass(slots=True)
class Draft:
    """One object of Kubeless on its way; `obj` is what it becomes, None when another replaces it.

    Readers of the original may change `obj` in place: it is a copy.
    """

    title: str
    obj: Object | None
    beside: list[Object] = field(default_factory=list)
    """What it said itself and others say from now on."""

    is_new: bool = False
    """Whether it was part of another object."""

    changes: list[Change] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)

    @property
    def spec(self) -> Object:
        """The specification of what it becomes."""
        assert self.obj is not None
        spec: Object = self.obj["spec"]
        return spec

    @property
    def name(self) -> str:
        """The object's name."""
        assert self.obj is not None
        return str(self.obj["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """The object's namespace."""
        assert self.obj is not None
        return str(self.obj["metadata"].get("namespace") or "default")

    @property
    def kind(self) -> str:
        """The object's kind."""
        return self.title.partition(" ")[0]

    def change(self, path: str, before: str, now: str) -> None:
        """Note that the field or subject at `path` means something else."""
        self.changes.append(Change(self.title, path, before, now))

    def task(self, path: str | Path, message: str, fix: str) -> None:
        """Note what is to be done by hand."""
        where = path if isinstance(path, str) else field_text(path)
        self.tasks.append(Task(self.title, where, message, fix))

    def sentence(self, text: str) -> None:
        """Note a mistake that a part of the controllers tells in one sentence."""
        message, _, fix = text.removeprefix(f"{self.title}: ").partition("; ")
        place, _, rest = message.partition(" ")
        if place.startswith("spec."):
            self.task(place, rest, fix)
        else:
            self.task("", message, fix)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that there is to tell."""

    place: str
    drafts: Sequence[Draft] = ()
    changes: Sequence[Change] = ()
    tasks: Sequence[Task] = ()
    warnings: Sequence[str] = ()
    steps: Sequence[Step] = ()

    @property
    def objects(self) -> list[Object]:
        """What is written: every object in the form that it has from now on."""
        return [draft.obj for draft in self.drafts if draft.obj is not None]


def title_of(obj: Object) -> str:
    """Return how an object is called in every sentence."""
    metadata = obj["metadata"]
    return f"{obj['kind']} {metadata.get('namespace') or 'default'}/{metadata['name']}"


def draft_of(obj: Object) -> Draft:
    """Begin with a copy of `obj` without what only an API server or Kubeless writes."""
    metadata = obj["metadata"]
    about: Object = {key: metadata[key] for key in ("name", "namespace") if metadata.get(key)}
    for key in ("labels", "annotations"):
        kept = {name: text for name, text in (metadata.get(key) or {}).items() if name != _APPLIED}
        if kept:
            about[key] = kept
    copy = {
        "apiVersion": API_VERSION,
        "kind": obj["kind"],
        "metadata": about,
        "spec": deepcopy(_mapping(obj.get("spec"))),
    }
    return Draft(title_of(copy), copy)


_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def trigger_beside(draft: Draft, kind: str, spec: Object) -> Object:
    """Return a trigger for what the function of `draft` said itself, with the function's name."""
    assert draft.obj is not None
    about: Object = draft.obj["metadata"]
    metadata = {key: about[key] for key in ("name", "namespace") if key in about}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def _mapping(value: Any) -> Object:
    return value if isinstance(value, dict) else {}
