"""`tidegate trigger`: which verbs there are."""

from __future__ import annotations

import typer

from tidegate.cli.triggers import kinesis, nats
from tidegate.cli.triggers.deletion import delete
from tidegate.cli.triggers.describe import describe
from tidegate.cli.triggers.explain import explain
from tidegate.cli.triggers.kinds import KINDS
from tidegate.cli.triggers.listing import list_triggers
from tidegate.cli.triggers.pause import pause, resume
from tidegate.cli.triggers.replay import replay
from tidegate.cli.triggers.tail import tail
from tidegate.cli.triggers.trying import trying
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
app.command("pause")(pause)
app.command("resume")(resume)
app.command("explain")(explain)
app.command("tail")(tail)
app.command("test")(trying)
kinds = {kind.word: kind_app(kind) for kind in KINDS}
kinds["nats"].command("publish")(nats.publish)
kinds["kinesis"].command("publish")(kinesis.publish)
kinds["kinesis"].command("create-stream")(kinesis.create_stream)
for word, verbs in kinds.items():
    app.add_typer(verbs, name=word)
