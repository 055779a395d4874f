"""`tidegate function delete`."""

from __future__ import annotations

from tidegate.cli.flags import WhereFlags, grouped
from tidegate.cli.functions.flags import NameArgument


def _delete(name: NameArgument, where: WhereFlags) -> None:
    """Delete a function. Triggers that feed it stay, and wait for one of its name."""
    from tidegate.cli.functions.changes import deleted
    from tidegate.cli.place.open import run

    run(where.target(), lambda place: deleted(place, name))


delete = grouped(_delete)
