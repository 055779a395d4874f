"""Which verbs there are; only those that a command line names are loaded."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, Final

import typer
from typer.exceptions import TyperException

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.output import plain

VERBS: Final[Mapping[str, str]] = {
    "up": "tidegate.cli.up.command:up",
    "controller": "tidegate.cli.controller:controller",
    "gateway": "tidegate.cli.gateway:gateway",
    "install": "tidegate.cli.cluster.command:install",
    "check": "tidegate.cli.cluster.command:check",
    "migrate": "tidegate.cli.migrate.command:migrate",
    "function": "tidegate.cli.functions.app:app",
    "runtime": "tidegate.cli.runtime:app",
    "trigger": "tidegate.cli.triggers.app:app",
    "topic": "tidegate.cli.topics.app:app",
    "autoscale": "tidegate.cli.autoscale.app:app",
    "dlq": "tidegate.cli.dlq.app:app",
    "publish": "tidegate.cli.publish:app",
    "validate": "tidegate.cli.validate:validate",
    "cron": "tidegate.cli.cron:app",
    "get-server-config": "tidegate.cli.server_config:get_server_config",
    "completion": "tidegate.cli.completion:completion",
    "version": "tidegate.cli.version:version",
}
"""A function is a verb, and a `typer.Typer` a group of verbs; in the order of the help."""

_SHOWS_HELP: Final = frozenset({"validate", "completion"})
"""Verbs that can do nothing without an argument."""


def application(names: Iterable[str] = VERBS) -> typer.Typer:
    """Return the command line with the verbs of these names."""
    app = typer.Typer(
        name="tidegate",
        help="Events from Kafka, NATS, Kinesis, cron and HTTP reach your functions, and none is "
        "lost.",
        epilog="Exit codes: 0 done, 1 it failed, 2 wrong usage or input, 3 nothing answers, "
        "130 aborted.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    )
    app.callback()(_together)
    for name in names:
        _add(app, name, _loaded(VERBS[name]))
    return app


def _together() -> None:
    """Keep a command line of one verb from being that verb."""


def _add(app: typer.Typer, name: str, verb: Any) -> None:
    if isinstance(verb, typer.Typer):
        app.add_typer(verb, name=name)
    else:
        app.command(name, no_args_is_help=name in _SHOWS_HELP)(verb)


def _loaded(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def run() -> int:
    """Run the command line; what a user did wrong is one sentence, never a traceback."""
    first = sys.argv[1] if len(sys.argv) > 1 else ""
    app = application([first] if first in VERBS else VERBS)
    try:
        code = app(prog_name="tidegate", standalone_mode=False)
    except CommandError as error:
        sys.stderr.write(f"tidegate: {plain(str(error))}\n")
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
    message = error.format_message()
    if "\n" in message:
        return message
    context = getattr(error, "ctx", None)
    where = "tidegate" if context is None else context.command_path
    return f"tidegate: {message.rstrip('.')}; see {where} --help"
