"""Which letters are meant, as the command line says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from tidegate.cli.place.place import Place

SCAN_TIMEOUT = 300.0
"""For reading and removing letters: a store is read from its beginning. Seconds."""

AllNamespacesOption = Annotated[
    bool, typer.Option("--all-namespaces", "-A", help="The letters of every namespace.")
]
TriggerOption = Annotated[
    str, typer.Option("--trigger", "-t", metavar="NAME", help="Only letters of this trigger.")
]
IdsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ID]...", help="Only these letters, of any namespace."),
]


@dataclass(frozen=True, slots=True)
class SelectFlags:
    """What redrive and purge take: ids, or a trigger's, or all of a namespace."""

    every: Annotated[
        bool, typer.Option("--all", help="Every letter of the namespace; with -A every one.")
    ] = False
    trigger: TriggerOption = ""
    everywhere: AllNamespacesOption = False

    def body(self, ids: list[str] | None, namespace: str) -> dict[str, Any]:
        """Return the selection as a gateway takes it; `namespace` is the place's own."""
        named = list(ids or ())
        alone = named and not self.trigger
        return {
            "ids": named,
            "trigger": self.trigger,
            "namespace": "" if self.everywhere or alone else namespace,
            "all": self.every,
        }

    def check(self, ids: list[str] | None) -> None:
        """Raise `CommandError` for an empty selection, and for one that contradicts itself."""
        if self.every and (ids or self.trigger):
            raise CommandError("--all means all; leave out ids and --trigger", ExitCode.USAGE)
        if not (self.every or ids or self.trigger):
            raise CommandError("name letters, or a --trigger, or --all", ExitCode.USAGE)


async def check_trigger(place: Place, trigger: str, *, everywhere: bool) -> None:
    """Raise `CommandError` with the nearest names where no trigger of the namespace has that one.

    Nobody need be allowed to look for it `everywhere`.
    """
    from tidegate.cli.triggers.overview import named

    if trigger and not everywhere:
        await named(place, trigger)
