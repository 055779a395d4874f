"""`tidegate trigger`: which verbs there are."""

from __future__ import annotations

import typer

from tidegate.cli.triggers.listing import list_triggers

app = typer.Typer(no_args_is_help=True, help="Make triggers, and see what they do.")


@app.callback()
def trigger() -> None:
    """Make triggers, and see what they do."""


app.command("list")(list_triggers)
app.command("ls", hidden=True)(list_triggers)
