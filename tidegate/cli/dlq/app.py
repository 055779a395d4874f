"""`tidegate dlq`: which verbs there are."""

from __future__ import annotations

import typer

from tidegate.cli.dlq.listing import list_letters, show
from tidegate.cli.dlq.purging import purge
from tidegate.cli.dlq.redriving import redrive

HELP = "See what could not be delivered, and try it again."

app = typer.Typer(no_args_is_help=True, help=HELP)


@app.callback(help=HELP)
def dlq() -> None:
    """Stand before the verbs."""


app.command("list")(list_letters)
app.command("ls", hidden=True)(list_letters)
app.command("show")(show)
app.command("redrive")(redrive)
app.command("purge")(purge)
