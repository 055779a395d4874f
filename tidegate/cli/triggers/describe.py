"""`tidegate trigger describe`: one trigger, whole."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.flags import WhereFlags, grouped
from tidegate.cli.output import Format, document, write

if TYPE_CHECKING:
    from tidegate.cli.place.place import Place
    from tidegate.cli.triggers.description import Description


class Word(StrEnum):
    """Kinds of triggers."""

    HTTP = "http"
    CRONJOB = "cronjob"
    KAFKA = "kafka"
    NATS = "nats"
    KINESIS = "kinesis"


class DescriptionForm(StrEnum):
    """Forms of a description: for people, or the object for programs."""

    TEXT = "text"
    YAML = "yaml"
    JSON = "json"


KindOption = Annotated[
    Word | None,
    typer.Option("--kind", metavar="KIND", help="http, cronjob, kafka, nats or kinesis."),
]


def _describe(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the trigger.")],
    where: WhereFlags,
    kind: KindOption = None,
    form: Annotated[
        DescriptionForm,
        typer.Option("--output", "-o", "--out", metavar="FORM", help="text, yaml or json."),
    ] = DescriptionForm.TEXT,
) -> None:
    """Show a trigger, its functions, lag, last error and Events.

    Triggers of one name but of several kinds are shown one after the other.
    """
    from tidegate.cli.place.open import run
    from tidegate.cli.triggers.description import text

    found, missing = run(where.target(), lambda place: _read(place, name, kind))
    if form is DescriptionForm.TEXT:
        write("\n\n".join(text(one) for one in found))
    else:
        objects = [one.trigger for one in found]
        shown = objects[0] if len(objects) == 1 else objects
        write(document(shown, Format.JSON if form is DescriptionForm.JSON else Format.YAML))
    if missing:
        sys.stderr.write(f"tidegate: not all gateways tell what they do: {missing}\n")


describe = grouped(_describe)


async def _read(place: Place, name: str, kind: Word | None) -> tuple[list[Description], str]:
    from tidegate.cli.place.lookup import events_of
    from tidegate.cli.triggers.decisions import decisions
    from tidegate.cli.triggers.description import Description
    from tidegate.cli.triggers.overview import named, told
    from tidegate.cli.triggers.rows import trigger_rows
    from tidegate.kube.objects import key_of, lean

    found = await named(place, name, [kind.value] if kind else [*Word])
    rows, missing = await told(place)
    described = [
        Description(
            lean(one),
            trigger_rows([one], rows),
            await events_of(place, one),
            await decisions(place, key_of(one), one["kind"]),
        )
        for one in found
    ]
    return described, missing
