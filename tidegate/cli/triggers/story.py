"""What became of one event, told so that somebody can act on it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.cli.output import one_line
from tidegate.cli.triggers.decisions import clause

Row = Mapping[str, Any]

_ADVICE = {
    "parked": "mend the function, which begins anew with it; or set delivery.deadLetter or "
    "delivery.onExhausted: drop",
    "waiting": "wait: it is tried again; tidegate trigger describe {trigger} says how it goes",
    "queued": "wait: others are before it; tidegate trigger describe {trigger} says how many",
    "attempting": "wait: the function has it now",
    "filtered": "change delivery.filter where the event should have come through; tidegate trigger "
    "test {trigger} tries one",
    "deadLettered": "mend the function, then: tidegate dlq list -t {trigger}, and tidegate dlq "
    "redrive",
    "dropped": "it is gone by delivery.onExhausted: drop; a deadLetter would keep such events",
    "released": "nothing is lost: its broker brings it again, or its caller was told",
}


def story(row: Row) -> str:
    """Return the story of one event at one subscription."""
    return "\n".join(map(one_line, _lines(row)))


def _lines(row: Row) -> Iterator[str]:
    event, names = row["event"], f"{row['kind']} {row['namespace']}/{row['trigger']}"
    yield f"{event['id']} at {names}, for function {row['function']}"
    place = ", ".join(
        f"{what} {row[what]}" for what in ("partition", "position") if row[what] is not None
    )
    yield f"  received  {row['receivedAt']} by {row['gateway']}{f', {place}' if place else ''}"
    known = (f"{name} {text}" for name, text in event.items() if name not in ("id", "time"))
    yield f"  event     {', '.join(known)}"
    yield from _filtered(row)
    if row["breaker"] != "closed":
        yield "  breaker   it was open meanwhile: the function as a whole took nothing"
    yield from map(_step, row["steps"])
    if row["stepsLeftOut"]:
        yield f"            ({row['stepsLeftOut']} steps between are not remembered)"
    yield from _end(row)


def _filtered(row: Row) -> Iterator[str]:
    said = row["filter"]
    if not said["matched"]:
        for one in said["because"]:
            yield f"  filter    no: {clause(one)}"
    elif said["because"]:
        yield "  filter    yes"


def _step(step: Row) -> str:
    took = f" in {step['seconds'] * 1000:.0f} ms" if step["seconds"] else ""
    match step["what"]:
        case "wait":
            return f"  wait      {step['at']} for {step['seconds']:.3g} s"
        case "park":
            return f"  parked    {step['at']}"
        case "deadLetter":
            return f"  letter    {step['at']} not written: {step['error']}"
        case _:
            return f"  attempt   {step['at']} {step['result']}{took}: {step['error']}"


def _end(row: Row) -> Iterator[str]:
    state = row["outcome"] or row["state"]
    if row["outcome"] == "delivered":
        status = f" with status {row['status']}" if row["status"] else ""
        cold = "; no process was ready at first" if row["coldStart"] else ""
        took = f"{row['seconds'] * 1000:.0f} ms"
        yield f"  delivered {row['settledAt']}{status} in {took}{cold}"
        return
    if row["outcome"] is None:
        yield f"  now       {state}"
    else:
        yield f"  ended     {row['settledAt']} {state}"
    if state in _ADVICE:
        yield f"  to do     {_ADVICE[state].format(trigger=row['trigger'])}"
