"""Options in groups: a verb takes a dataclass, and the command line its fields."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING as ABSENT
from dataclasses import Field, dataclass, fields, is_dataclass
from enum import StrEnum
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, get_type_hints

import typer

from tidegate.cli.output import Format
from tidegate.cli.place.options import (
    ContextOption,
    KubeconfigOption,
    NamespaceOption,
    StateOption,
    Target,
    target,
)

Verb = Callable[..., None]


def grouped(verb: Verb, required: tuple[str, ...] = ()) -> Verb:
    """Return `verb` for typer: a parameter that is a dataclass becomes the options of its fields.

    Fields are written as parameters of verbs are: `Annotated` with a `typer.Option`, and a default,
    which those that are `required` lose.
    """
    hints = get_type_hints(verb, include_extras=True)
    own = signature(verb).parameters
    groups = {name: hints[name] for name in own if is_dataclass(hints[name])}

    @functools.wraps(verb)
    def ungrouped(**given: Any) -> None:
        made = {name: _taken(group, given) for name, group in groups.items()}
        verb(**made, **given)

    found = [
        one.replace(default=Parameter.empty) if one.name in required else one
        for name in own
        for one in _parameters(own[name], hints[name])
    ]
    ungrouped.__signature__ = Signature(found)  # type: ignore[attr-defined]  # what typer reads
    ungrouped.__annotations__ = {one.name: one.annotation for one in found}
    return ungrouped


def _parameters(own: Parameter, hint: Any) -> Iterator[Parameter]:
    if not is_dataclass(hint):
        yield own.replace(annotation=hint, kind=Parameter.KEYWORD_ONLY)
        return
    hints = get_type_hints(hint, include_extras=True)
    for field in fields(hint):
        yield Parameter(
            field.name,
            Parameter.KEYWORD_ONLY,
            default=_default(field),
            annotation=hints[field.name],
        )


def _default(field: Field[Any]) -> Any:
    return Parameter.empty if field.default is ABSENT else field.default


def _taken(group: Callable[..., Any], given: dict[str, Any]) -> Any:
    """Move the fields of `group` out of `given`."""
    names = [field.name for field in fields(group)]  # type: ignore[arg-type]  # it is a dataclass
    return group(**{name: given.pop(name) for name in names})


def named(values: Mapping[str, Any], removable: tuple[str, ...] = ()) -> dict[str, Any]:
    """Keep what was named on the command line.

    None was not; an empty text for one of `removable` takes the field away, which None says then.
    """
    return {
        key: None if value == "" and key in removable else value
        for key, value in values.items()
        if value is not None
    }


@dataclass(frozen=True, slots=True)
class WhereFlags:
    """The place, and the namespace there."""

    namespace: NamespaceOption = ""
    state: StateOption = None
    context: ContextOption = ""
    kubeconfig: KubeconfigOption = None

    def target(self) -> Target:
        """Return what was said. Raises `CommandError` when it names two places."""
        return target(self.namespace, self.state, self.context, self.kubeconfig)


class Document(StrEnum):
    """Forms of objects that are printed instead of sent."""

    YAML = "yaml"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class DryRunFlags:
    """Whether objects are printed instead of sent, and how."""

    dry_run: Annotated[
        bool, typer.Option("--dryrun", "--dry-run", help="Print the object; change nothing.")
    ] = False
    form: Annotated[
        Document,
        typer.Option("--output", "-o", "--out", metavar="FORM", help="With --dryrun: yaml, json."),
    ] = Document.YAML


ListOutputOption = Annotated[
    Format, typer.Option("--output", "-o", "--out", metavar="FORM", help="table, wide, json, yaml.")
]
