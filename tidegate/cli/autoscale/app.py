"""`tidegate autoscale`: create, delete, list."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli.autoscale.scaling import Bounds, Metric, autoscaler, paired, rows
from tidegate.cli.flags import ListOutputOption, WhereFlags, grouped
from tidegate.cli.functions.flags import NameArgument
from tidegate.cli.output import Format, document, say, table, write

COLUMNS = (
    ("NAME", "name"),
    ("NAMESPACE", "namespace"),
    ("TARGET", "target"),
    ("MIN", "min"),
    ("MAX", "max"),
    ("METRIC", "metric"),
    ("VALUE", "value"),
)
SUMMARY = "Scale functions by what they are asked to do."

app = typer.Typer(no_args_is_help=True, help=SUMMARY)


@app.callback()
def autoscale() -> None:
    """Scale functions by what they are asked to do."""


def _create(
    name: NameArgument,
    where: WhereFlags,
    value: Annotated[
        list[str],
        typer.Option(
            metavar="VALUE",
            help="Of each metric, in their order: of cpu and memory a percentage of what is "
            "requested (60) or an amount (500m, 512Mi); of qps calls a second and pod (100).",
        ),
    ],
    metric: Annotated[
        list[Metric] | None,
        typer.Option(metavar="NAME", help="cpu, memory or qps; may be repeated. Default cpu."),
    ] = None,
    least: Annotated[int, typer.Option("--min", min=1, metavar="N", help="Never fewer pods.")] = 1,
    most: Annotated[int, typer.Option("--max", min=1, metavar="N", help="Never more pods.")] = 1,
) -> None:
    """Have a cluster run more or fewer pods of a function.

    A percentage needs the function to request some: tidegate function deploy
    --cpu or --memory. qps needs Prometheus and its adapter, with the rules of
    manifests/autoscaling.
    """
    from tidegate.cli.autoscale.changes import given
    from tidegate.cli.place.open import run

    rule = autoscaler(name, Bounds(least, most), paired(metric or [Metric.CPU], value))
    target = where.target()
    say("Adding autoscaling rule to the function...")
    run(target, lambda place: given(place, name, rule))
    say(f"Autoscaling rule for {name} submitted for deployment")


def _delete(name: NameArgument, where: WhereFlags) -> None:
    """Take the autoscaling rule of a function away."""
    from tidegate.cli.autoscale.changes import taken
    from tidegate.cli.place.open import run

    run(where.target(), lambda place: taken(place, name))
    say(f"Removed Autoscaling rule from {name}")


def _list(where: WhereFlags, output: ListOutputOption = Format.TABLE) -> None:
    """List the autoscaling rules of functions. Also: ls."""
    from tidegate.cli.autoscale.changes import listed
    from tidegate.cli.place.open import run

    found = run(where.target(), listed)
    if output in (Format.JSON, Format.YAML):
        write(document([scaler for _, scaler in found], output))
    else:
        write(table([row for one in found for row in rows(*one)], COLUMNS))


app.command("create")(grouped(_create))
app.command("delete")(grouped(_delete))
app.command("list")(grouped(_list))
app.command("ls", hidden=True)(grouped(_list))
