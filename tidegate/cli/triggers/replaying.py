"""Runs a replay in the gateway that has the trigger, and shows how far it is and how it went."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from tidegate.api.filters import filter_mistakes
from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.output import Format, document, one_line
from tidegate.cli.place.kinds import FUNCTIONS, TRIGGERS, WORDS
from tidegate.cli.place.lookup import existing
from tidegate.cli.place.operations import Operation, first, lines
from tidegate.cli.place.place import GatewayAdmin, Place
from tidegate.cli.progress import Progress, bar
from tidegate.cli.triggers.decisions import asked
from tidegate.cli.triggers.overview import named

Row = dict[str, Any]

USAGE = ExitCode.USAGE
REMEMBERED = 1000
"""Decisions that are asked for, of each replica."""

MOST_ANSWERS = 10_000
"""Answers that a gateway takes along with a request."""


class Shown:
    """Says how far a replay is: a bar on a terminal, a line a second anywhere else."""

    def __init__(self) -> None:
        self._progress = Progress()
        self._on_terminal = sys.stderr.isatty()

    def __enter__(self) -> Shown:
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.clear()

    def take(self, row: Row) -> None:
        """Show a line of progress."""
        text = progress_text(row)
        if self._on_terminal and row.get("total"):
            text = f"{bar(row['passed'], row['total'])} {text}"
        self._progress.say(text)


async def replayed(place: Place, body: Row, shown: Shown) -> Row:
    """Return the report. Raises `CommandError` for names that are not there, and `KubeError`."""
    _check_filters(body["filters"])
    word = body.pop("kind", "")
    found = await named(place, body["trigger"], [word] if word else TRIGGERS)
    if len(found) > 1:
        words = " or ".join(f"--kind {WORDS[one['kind']]}" for one in found)
        raise CommandError(f"several triggers are named {body['trigger']}; add {words}", USAGE)
    if body["target"]:
        await existing(place, FUNCTIONS, body["target"], "function")
    whole = {**body, "namespace": place.namespace, "kind": found[0]["kind"]}
    if body["compare"] and not (place.is_laptop or body["fromDeadLetters"]):
        whole["answers"] = await _answers(place, whole)
    return await first(await place.gateways(), lambda gateway: _run(gateway, whole, shown))


async def _answers(place: Place, body: Row) -> list[tuple[str, str, int]]:
    """Return what all replicas remember of the live answers: each has given some of them."""
    query = {name: body[name] for name in ("namespace", "trigger", "kind")}
    found = await asked(place, query | {"limit": str(REMEMBERED)})
    known = [row for row in found.decisions if row["status"] is not None]
    newest_last = reversed(known[:MOST_ANSWERS])
    return [(row["function"], row["event"]["id"], row["status"]) for row in newest_last]


def _check_filters(filters: Sequence[object]) -> None:
    for one in filters:
        for mistake in filter_mistakes(one):
            path = ".".join(map(str, mistake.path))
            at = f" at {path}" if path else ""
            raise CommandError(f"--filter{at} {mistake.message}; {mistake.fix}", USAGE)


async def _run(gateway: GatewayAdmin, body: Row, shown: Shown) -> Row:
    async for row in lines(gateway, Operation("POST", "/replays", body=body)):
        if "report" in row:
            report: Row = row["report"]
            return report
        shown.take(row)
    raise CommandError(
        f"gateway {gateway.name} ended before the replay did; what was delivered stays delivered"
    )


def progress_text(row: Row) -> str:
    """Return one line of progress."""
    counts = f"{row['delivered']} delivered, {row['failed']} failed, {row['filtered']} filtered"
    paused = ", waiting: the function takes no calls" if row["breaker"] == "open" else ""
    at = f", at {row['position']}" if row["position"] else ""
    return counts + paused + at


def exit_code(report: Row) -> ExitCode:
    """Return how the command ends. What was delivered before the broker went stays delivered."""
    if report["error"] and report.get("unavailable", False):
        return ExitCode.UNREACHABLE
    return ExitCode.FAILURE if report["error"] or report["failed"] else ExitCode.OK


def report_text(report: Row, form: Format) -> str:
    """Return the report for people or for programs."""
    if form in (Format.JSON, Format.YAML):
        return document(report, form)
    return "\n".join(map(one_line, _lines(report)))


def _lines(report: Row) -> Iterator[str]:
    yield f"{report['replay']}: {report['trigger']} from {report['from']} to {report['to']}"
    for row in report["functions"]:
        yield from _function_lines(row)
    if report["compare"] and not any(row["compared"] for row in report["functions"]):
        yield "nothing was compared: the gateway remembers no answer that was given live then"


def _function_lines(row: Row) -> Iterator[str]:
    counts = f"{row['delivered']} delivered, {row['failed']} failed, {row['filtered']} filtered"
    letters = f", {row['deadLettered']} dead-lettered" if row["deadLettered"] else ""
    stopped = f", {row['stopped']} cut off" if row["stopped"] else ""
    yield f"{row['function']}: {counts}{letters}{stopped}"
    if row["compared"]:
        yield f"  {row['differing']} of {row['compared']} compared answered otherwise than live"
    for one in row["differences"]:
        yield f"  {_event(one)}: {_status(one)}, live {one['live']}"
    for one in row["failures"]:
        yield f"  {_event(one)}: {one['error'] or _status(one)}"
    if row["failed"] > len(row["failures"]):
        yield f"  and {row['failed'] - len(row['failures'])} more failed"


def _event(row: Row) -> str:
    """Say which event; a dead letter has no position of its own."""
    return f"{row['event']} ({row['position']})" if row["position"] else str(row["event"])


def _status(row: Row) -> str:
    return "no answer" if row["status"] is None else f"status {row['status']}"
