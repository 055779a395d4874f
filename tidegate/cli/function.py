"""`tidegate function`: init, test, call, list, logs."""

from __future__ import annotations

import json
import sys
from http.client import HTTPResponse
from typing import Annotated

import typer

from tidegate.cli.authoring import init, test
from tidegate.cli.client import ANSWER_TIMEOUT, CALL_TIMEOUT, ControlClient, function_path
from tidegate.cli.errors import CommandError
from tidegate.cli.options import (
    STATE,
    AnyNamespaceOption,
    NamespaceOption,
    OutputOption,
    StateOption,
)
from tidegate.cli.output import Format, listing, write

COLUMNS = (
    ("NAME", "name"),
    ("NAMESPACE", "namespace"),
    ("HANDLER", "handler"),
    ("RUNTIME", "runtime"),
    ("STATUS", "status"),
)
WIDE = (
    ("RESTARTS", "restarts"),
    ("PIDS", "pids"),
    ("URLS", "urls"),
    ("REASON", "reason"),
)

app = typer.Typer(
    no_args_is_help=True, help="Begin, test, call and list functions; read what they print."
)

app.command("init")(init)
app.command("test", no_args_is_help=True)(test)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the function.")]


@app.command()
def call(
    name: NameArgument,
    data: Annotated[
        str, typer.Option("--data", "-d", metavar="TEXT", help="Body of a POST; without it, GET.")
    ] = "",
    namespace: NamespaceOption = "default",
    state: StateOption = STATE,
) -> None:
    """Call a function of the running `tidegate up` and print its answer."""
    from tidegate.cli.call import call_headers

    payload = data or None
    path = function_path(namespace, name, "call")
    body = payload.encode() if payload is not None else None
    method = "GET" if payload is None else "POST"
    client = ControlClient.find(state)
    with client.request(method, path, body, call_headers(payload), CALL_TIMEOUT) as answer:
        if answer.status == 408:
            raise CommandError("Request timeout exceeded")
        if answer.status >= 400:
            said = answer.read().decode("utf-8", "replace").strip()
            raise CommandError(said or f"the function {name} answered with {answer.status}")
        _print_as_it_comes(answer)


def _print_as_it_comes(answer: HTTPResponse) -> None:
    """Write an answer while it is made, and a line end where it has none."""
    output, last = sys.stdout.buffer, b"\n"
    while chunk := answer.read1(65536):
        output.write(chunk)
        output.flush()
        last = chunk
    if not last.endswith(b"\n"):
        output.write(b"\n")


@app.command("list")
def list_functions(
    namespace: AnyNamespaceOption = "",
    output: OutputOption = Format.TABLE,
    state: StateOption = STATE,
) -> None:
    """List the functions of the running `tidegate up`. Also: ls."""
    rows = ControlClient.find(state).read("/functions")
    shown = [row for row in rows if namespace in ("", row["namespace"])]
    write(listing(shown, output, COLUMNS, WIDE))


app.command("ls", hidden=True)(list_functions)


@app.command()
def logs(
    name: NameArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines.")] = False,
    lines: Annotated[
        int, typer.Option("--lines", min=0, max=2000, metavar="N", help="Most lines to begin with.")
    ] = 200,
    namespace: NamespaceOption = "default",
    state: StateOption = STATE,
) -> None:
    """Print what a function printed."""
    path = f"{function_path(namespace, name, 'logs')}?lines={lines}&follow={int(follow)}"
    timeout = None if follow else ANSWER_TIMEOUT  # a quiet function may say nothing for days
    with ControlClient.find(state).stream(path, timeout) as answer:
        for line in answer:
            write(json.loads(line)["text"])
            sys.stdout.flush()
