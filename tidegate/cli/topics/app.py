"""`tidegate topic`: create, delete, list, publish."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.flags import ListOutputOption, WhereFlags, grouped
from tidegate.cli.output import Format, document, table, write

if TYPE_CHECKING:
    from tidegate.cli.topics.reach import Topics

COLUMNS = (("NAME", "name"), ("PARTITIONS", "partitions"), ("REPLICAS", "replicas"))

app = typer.Typer(no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the topic.")]


@dataclass(frozen=True, slots=True)
class BrokerFlags(WhereFlags):
    """Where the brokers are."""

    brokers: Annotated[
        str,
        typer.Option(
            metavar="HOST:PORT,...",
            help="Talk to these brokers from here, with the login of the variables KAFKA_*; "
            "default KAFKA_BROKERS, else the brokers of the gateway of this place.",
        ),
    ] = ""
    kafka_namespace: Annotated[
        str, typer.Option(hidden=True, help="Without effect: gateways know their brokers.")
    ] = ""


@app.callback()
def topic() -> None:
    """Make, remove and list Kafka topics, and write to them.

    Without --brokers and KAFKA_BROKERS a gateway of the place does it at its own
    brokers and with its own login; in a cluster that takes the right to read the
    Secret tidegate-admin.
    """


def _create(
    name: NameArgument,
    brokers: BrokerFlags,
    partitions: Annotated[
        int, typer.Option(min=1, max=100_000, metavar="N", help="How many parts.")
    ] = 1,
    replication_factor: Annotated[
        int, typer.Option(min=1, max=100, metavar="N", help="Copies of each part.")
    ] = 1,
) -> None:
    """Make a topic."""
    from gateway.kafka.topic import Topic
    from tidegate.cli.topics.reach import run

    wanted = Topic(name, partitions, replication_factor)
    run(brokers.brokers, brokers.target(), lambda topics: topics.create(wanted))
    sys.stderr.write(f"Created topic {name}.\n")


def _delete(name: NameArgument, brokers: BrokerFlags) -> None:
    """Remove a topic and the records in it."""
    from tidegate.cli.topics.reach import run

    run(brokers.brokers, brokers.target(), lambda topics: topics.delete(name))
    sys.stderr.write(f"Deleted topic {name}.\n")


def _list(brokers: BrokerFlags, output: ListOutputOption = Format.TABLE) -> None:
    """List the names of topics; -o wide says how large they are. Also: ls."""
    from tidegate.cli.topics.reach import run

    async def work(topics: Topics) -> list[dict[str, object]]:
        return [
            {"name": one.name, "partitions": one.partitions, "replicas": one.replicas}
            for one in await topics.listed()
        ]

    rows = run(brokers.brokers, brokers.target(), work)
    if output is Format.TABLE:
        sys.stdout.write("".join(f"{row['name']}\n" for row in rows))
    else:
        write(table(rows, COLUMNS) if output is Format.WIDE else document(rows, output))


def _publish(
    brokers: BrokerFlags,
    topic: Annotated[str, typer.Option(metavar="NAME", help="Topic to write to.")] = "kubeless",
    data: Annotated[str, typer.Option("--data", "-d", metavar="TEXT", help="The record.")] = "",
    key: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Its key: records of one key keep order.")
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option("--header", "-H", metavar="'NAME: VALUE'", help="Header; may be repeated."),
    ] = None,
) -> None:
    """Write one record to a topic; it is stored when this ends."""
    from gateway.kafka.topic import Record
    from tidegate.cli.publish import headers_from
    from tidegate.cli.topics.reach import run

    encoded = None if key is None else key.encode()
    record = Record(topic, data.encode(), encoded, headers_from(header or []))
    partition, offset = run(brokers.brokers, brokers.target(), lambda at: at.publish(record))
    write(f"stored in partition {partition} of {topic} as {offset}")


app.command("create")(grouped(_create))
app.command("delete")(grouped(_delete))
app.command("list")(grouped(_list))
app.command("ls", hidden=True)(grouped(_list))
app.command("publish")(grouped(_publish))
