"""`tidegate trigger`: which verbs there are."""

from __future__ import annotations

import typer

from tidegate.cli.triggers.deletion import delete
from tidegate.cli.triggers.describe import describe
from tidegate.cli.triggers.kinds import KINDS
from tidegate.cli.triggers.listing import list_triggers
from tidegate.cli.triggers.replay import replay
from tidegate.cli.triggers.verbs import kind_app

app = typer.Typer(no_args_is_help=True, help="Make triggers, and see what they do.")


@app.callback()
def trigger() -> None:
    """Make triggers, and see what they do."""


app.command("list")(list_triggers)
app.command("ls", hidden=True)(list_triggers)
app.command("describe")(describe)
app.command("delete")(delete)
app.command("replay")(replay)
for kind in KINDS:
    app.add_typer(kind_app(kind), name=kind.word)
