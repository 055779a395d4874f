"""The command line: which verbs there are, and how their errors end."""

from __future__ import annotations

import sys

import typer
from typer.exceptions import TyperException

from tidegate import __version__
from tidegate.cli import cron, publish, runtime
from tidegate.cli.cluster.command import check, install
from tidegate.cli.completion import completion
from tidegate.cli.controller import controller
from tidegate.cli.dlq.app import app as dlq
from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.functions.app import app as functions
from tidegate.cli.gateway import gateway
from tidegate.cli.migrate.command import migrate
from tidegate.cli.server_config import get_server_config
from tidegate.cli.topics import app as topics
from tidegate.cli.triggers import app as triggers
from tidegate.cli.up.command import up
from tidegate.cli.validate import validate

app = typer.Typer(
    name="tidegate",
    help="Events from HTTP, cron and NATS reach your functions, and none is lost.",
    epilog="Exit codes: 0 done, 1 it failed, 2 wrong usage or input, 3 nothing answers, "
    "130 aborted.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
app.command()(up)
app.command()(controller)
app.command()(gateway)
app.command()(install)
app.command()(check)
app.command()(migrate)
app.add_typer(functions, name="function")
app.add_typer(runtime.app, name="runtime")
app.add_typer(triggers.app, name="trigger")
app.add_typer(topics.app, name="topic")
app.add_typer(dlq, name="dlq")
app.add_typer(publish.app, name="publish")
app.command(no_args_is_help=True)(validate)
app.add_typer(cron.app, name="cron")
app.command("get-server-config")(get_server_config)
app.command(no_args_is_help=True)(completion)


@app.command()
def version() -> None:
    """Print the version."""
    sys.stdout.write(f"tidegate {__version__}\n")


def run() -> int:
    """Run the command line; what a user did wrong is one sentence, never a traceback."""
    try:
        code = app(prog_name="tidegate", standalone_mode=False)
    except CommandError as error:
        sys.stderr.write(f"tidegate: {error}\n")
        return error.code
    except TyperException as error:
        sys.stderr.write(f"{_usage(error)}\n")
        return error.exit_code
    except typer.Abort:
        sys.stderr.write("tidegate: aborted\n")
        return ExitCode.FAILURE
    return code if isinstance(code, int) else ExitCode.OK


def _usage(error: TyperException) -> str:
    """Say what is wrong with a command line; a verb without its arguments shows its help."""
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    if context is None or "\n" in message:
        return message
    return f"tidegate: {message}; see {context.command_path} --help"
