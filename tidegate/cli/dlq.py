"""`tidegate dlq`: list, show, redrive, purge."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from tidegate.cli.client import ControlClient
from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.options import STATE, AnyNamespaceOption, OutputOption, StateOption
from tidegate.cli.output import Format, document, listing, write

COLUMNS = (
    ("ID", "id"),
    ("TRIGGER", "trigger"),
    ("REASON", "reason"),
    ("CODE", "code"),
    ("ATTEMPTS", "attempts"),
    ("LAST FAILED", "lastFailed"),
    ("ERROR", "error"),
)
WIDE = (
    ("NAMESPACE", "namespace"),
    ("FUNCTION", "function"),
    ("FIRST FAILED", "firstFailed"),
    ("POSITION", "position"),
    ("BYTES", "bytes"),
    ("PLACE", "place"),
)
SCAN_TIMEOUT = 300.0
"""For reading and removing letters: a store is read from its beginning. Seconds."""

app = typer.Typer(
    no_args_is_help=True,
    help="See events that could not be delivered, and try them again.",
)

IdsArgument = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Only these letters.")]
TriggerOption = Annotated[
    str, typer.Option("--trigger", "-t", metavar="NAME", help="Only letters of this trigger.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Every letter that there is.")]


@app.callback()
def dlq() -> None:
    """See events that could not be delivered, and try them again."""


@app.command("list")
def list_letters(
    trigger: TriggerOption = "",
    namespace: AnyNamespaceOption = "",
    limit: Annotated[
        int, typer.Option(min=1, max=10_000, metavar="N", help="At most so many, oldest first.")
    ] = 100,
    output: OutputOption = Format.TABLE,
    state: StateOption = STATE,
) -> None:
    """List dead letters in files, NATS streams and Kafka topics of the running triggers. Also: ls.

    Letters that went to an URL or a function are there, not here.
    """
    query = urlencode({"trigger": trigger, "namespace": namespace, "limit": limit})
    client = ControlClient.find(state)
    with client.request("GET", f"/operations/dead-letters?{query}", timeout=SCAN_TIMEOUT) as answer:
        found = json.loads(answer.read())
    write(listing(found["letters"], output, COLUMNS, WIDE))
    _remark(found["elsewhere"])


app.command("ls", hidden=True)(list_letters)


@app.command()
def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="As in tidegate dlq list.")],
    payload: Annotated[
        bool, typer.Option("--payload", help="With the event's data, which may be confidential.")
    ] = False,
    output: OutputOption = Format.YAML,
    state: StateOption = STATE,
) -> None:
    """Show one dead letter with the attributes of its event."""
    path = f"/operations/dead-letters/{quote(id, safe='')}?payload={int(payload)}"
    with ControlClient.find(state).request("GET", path, timeout=SCAN_TIMEOUT) as answer:
        letter = json.loads(answer.read())
    write(document(letter, Format.JSON if output is Format.JSON else Format.YAML))


@app.command()
def redrive(
    ids: IdsArgument = None,
    every: AllOption = False,
    trigger: TriggerOption = "",
    namespace: AnyNamespaceOption = "",
    rate: Annotated[
        float, typer.Option(min=0.1, max=10_000, metavar="N", help="At most so many a second.")
    ] = 10.0,
    output: OutputOption = Format.TABLE,
    state: StateOption = STATE,
) -> None:
    """Have dead letters delivered again, under the policy of now.

    Each goes to the function of its trigger, and is removed once that has taken
    it. One that fails again stays. Ctrl-C stops; nothing is lost by it.
    """
    wanted = selected(ids, every=every, trigger=trigger, namespace=namespace) | {"rate": rate}
    body = json.dumps(wanted).encode()
    with ControlClient.find(state).request(
        "POST", "/operations/dead-letters/redrive", body, timeout=None
    ) as answer:
        failed = _report((row for row in map(json.loads, answer) if "id" in row), output)
    if failed:
        raise typer.Exit(ExitCode.FAILURE)


@app.command()
def purge(
    ids: IdsArgument = None,
    every: AllOption = False,
    trigger: TriggerOption = "",
    namespace: AnyNamespaceOption = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    output: OutputOption = Format.TABLE,
    state: StateOption = STATE,
) -> None:
    """Throw dead letters away. What they carry is lost."""
    wanted = selected(ids, every=every, trigger=trigger, namespace=namespace)
    client = ControlClient.find(state)
    if not yes:
        _confirm(wanted)
    body = json.dumps(wanted).encode()
    with client.request("POST", "/operations/dead-letters/purge", body, timeout=SCAN_TIMEOUT) as answer:
        result = json.loads(answer.read())
    plain = output in (Format.TABLE, Format.WIDE)
    write(f"{result['purged']} dead letters are gone" if plain else document(result, output))
    _remark(result["remarks"] if plain else ())


def selected(
    ids: Iterable[str] | None, *, every: bool, trigger: str, namespace: str
) -> dict[str, Any]:
    """Return the selection as the control API takes it. Raises `CommandError` for an empty one."""
    named = list(ids or ())
    if every and (named or trigger):
        raise CommandError("--all means all; leave out ids and --trigger", ExitCode.USAGE)
    if not (every or named or trigger):
        raise CommandError("name letters, or a --trigger, or --all", ExitCode.USAGE)
    return {"ids": named, "trigger": trigger, "namespace": namespace, "all": every}


def _confirm(wanted: Mapping[str, Any]) -> None:
    """Ask on a terminal; raises `CommandError` elsewhere, so that no script waits or deletes."""
    if not sys.stdin.isatty():
        raise CommandError("nobody can be asked here; add --yes to purge", ExitCode.USAGE)
    what = f"{len(wanted['ids'])} dead letters" if wanted["ids"] else "all dead letters"
    of = f" of {wanted['trigger']}" if wanted["trigger"] else ""
    typer.confirm(f"Throw {what}{of} away for good?", abort=True)


def _remark(sentences: Iterable[str]) -> None:
    """Say `sentences` beside the answer, so that programs still read the answer."""
    for sentence in sentences:
        sys.stderr.write(f"tidegate: {sentence}\n")


def _report(results: Iterator[Mapping[str, str]], output: Format) -> int:
    """Print what became of each letter, and the sum; return how many failed."""
    if output not in (Format.TABLE, Format.WIDE):
        told = list(results)
        write(document(told, output))
        return sum(1 for result in told if result["error"])
    delivered = failed = 0
    for result in results:
        delivered += not result["error"]
        failed += bool(result["error"])
        write(f"{result['id'] or 'stopped'}: {result['error'] or 'delivered'}")
        sys.stdout.flush()
    write(f"{delivered} delivered, {failed} not")
    return failed
