"""`tidegate function deploy` and `update`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.flags import Document, DryRunFlags, WhereFlags, grouped
from tidegate.cli.functions.flags import (
    CodeFlags,
    NameArgument,
    NewNameArgument,
    PodFlags,
    WaitFlags,
)
from tidegate.cli.output import Format, document, write

if TYPE_CHECKING:
    from tidegate.cli.functions.objects import Object, Wish


def _deploy(
    name: NewNameArgument,
    code: CodeFlags,
    pod: PodFlags,
    wait: WaitFlags,
    dry: DryRunFlags,
    where: WhereFlags,
    schedule: Annotated[
        str,
        typer.Option(metavar="CRON", help="Call it at these times: makes a CronJobTrigger, too."),
    ] = "",
) -> None:
    """Make the function NAME, and wait until it takes calls.

    Options that take several may be repeated, or have commas between.
    """
    _check_complete(code)
    wish = _wish(code, pod)
    if dry.dry_run:
        _print(_dry(name, where.namespace, wish, schedule), dry.form)
        return
    from tidegate.cli.functions.changes import created
    from tidegate.cli.place.open import run

    run(where.target(), lambda place: created(place, name, wish, schedule, wait))


def _update(
    name: NameArgument,
    code: CodeFlags,
    pod: PodFlags,
    wait: WaitFlags,
    dry: DryRunFlags,
    where: WhereFlags,
) -> None:
    """Change what is named of the function NAME, and no more.

    Labels, variables, Secrets and node selectors that are not named stay; one
    that is named with a dash behind it (--env DEBUG-) is taken away.
    """
    if code == CodeFlags() and pod == PodFlags():
        raise CommandError("nothing to change is named; add an option", ExitCode.USAGE)
    wish = _wish(code, pod)
    from tidegate.cli.functions.changes import updated
    from tidegate.cli.place.open import run

    after = run(where.target(), lambda place: updated(place, name, wish, wait, dry.dry_run))
    if dry.dry_run:
        _print([after], dry.form)


deploy = grouped(_deploy)
update = grouped(_update)


def _check_complete(code: CodeFlags) -> None:
    """Raise `CommandError` for what a new function cannot be without."""
    if not code.runtime and not code.runtime_image:
        raise CommandError("--runtime or --runtime-image is missing", ExitCode.USAGE)
    if code.runtime and not code.handler and not code.runtime_image:
        raise CommandError(
            "--handler is missing: which function of which file, as hello.main", ExitCode.USAGE
        )
    if code.runtime and not code.from_file and not code.runtime_image:
        raise CommandError("--from-file is missing: where the code is", ExitCode.USAGE)


def _wish(code: CodeFlags, pod: PodFlags) -> Wish:
    from tidegate.cli.functions.code import code_from, dependencies_from
    from tidegate.cli.functions.objects import Wish

    return Wish(
        code,
        pod,
        code_from(code.from_file) if code.from_file else None,
        dependencies_from(code.dependencies) if code.dependencies else code.dependencies,
    )


def _dry(name: str, namespace: str, wish: Wish, schedule: str) -> list[Object]:
    from tidegate.cli.functions.objects import cron_trigger, new_function
    from tidegate.cli.triggers.objects import check_object

    function = new_function(name, namespace, wish)
    objects = [function, *([cron_trigger(function, schedule)] if schedule else [])]
    for obj in objects:
        check_object(obj)
    return objects


def _print(objects: list[Object], form: Document) -> None:
    shape = Format.JSON if form is Document.JSON else Format.YAML
    separator = "\n---\n" if form is Document.YAML else "\n"
    write(separator.join(document(one, shape) for one in objects))
