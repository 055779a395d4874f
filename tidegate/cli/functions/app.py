"""`tidegate function`: which verbs there are."""

from __future__ import annotations

import typer

from tidegate.cli.authoring import init, test
from tidegate.cli.functions.calling import call
from tidegate.cli.functions.delete import delete
from tidegate.cli.functions.deploy import deploy, update
from tidegate.cli.functions.describe import describe
from tidegate.cli.functions.listing import list_functions
from tidegate.cli.functions.logs import logs
from tidegate.cli.functions.top import top

app = typer.Typer(
    no_args_is_help=True, help="Make, test, call and watch functions; read their logs."
)

app.command("init")(init)
app.command("test", no_args_is_help=True)(test)
app.command("deploy", no_args_is_help=True)(deploy)
app.command("update", no_args_is_help=True)(update)
app.command("call", no_args_is_help=True)(call)
app.command("delete", no_args_is_help=True)(delete)
app.command("describe", no_args_is_help=True)(describe)
app.command("list")(list_functions)
app.command("ls", hidden=True)(list_functions)
app.command("logs", no_args_is_help=True)(logs)
app.command("top")(top)
app.command("stats", hidden=True)(top)
